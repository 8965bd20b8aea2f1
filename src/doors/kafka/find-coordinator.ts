// FindCoordinator (10): the one broker coordinates every group and every transactional id.

import type { EncodableResponse } from "../../protocol/apis.ts";
import { codeOf } from "./error-code.ts";
import type { Handler } from "./handler.ts";

// Kinds of keys: group 0, transactional id 1, share group partition 2 (`group:topicId:partition`).
const shareKey = /^.+:[A-Za-z0-9_-]{22}:\d+$/;
const batchedFrom = 4;
const shareFrom = 6;

type Coordinator = NonNullable<EncodableResponse<"findCoordinator">["coordinators"]>[number];

/** Answers with the broker's address for every key. */
export const answerFindCoordinator: Handler<"findCoordinator"> = async (request, call, context) => {
  const { keyType } = request;
  const coordinatorOf = (key: string): Coordinator => {
    if (isKnown(keyType, key, call.version)) {
      const { host, port } = call.listener;
      return { key, nodeId: context.nodeId, host, port, errorCode: 0, errorMessage: null };
    }
    const errorMessage = `there is no coordinator for keys of type ${keyType} like '${key}'`;
    const errorCode = codeOf("INVALID_REQUEST");
    return { key, nodeId: -1, host: "", port: -1, errorCode, errorMessage };
  };
  if (call.version < batchedFrom) return coordinatorOf(request.key);
  return { coordinators: request.coordinatorKeys.map(coordinatorOf) };
};

function isKnown(keyType: number, key: string, version: number): boolean {
  if (keyType === 0 || keyType === 1) return true;
  return keyType === 2 && version >= shareFrom && shareKey.test(key);
}
