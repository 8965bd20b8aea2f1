// ApiVersions (18): which APIs in which versions the door serves.

import { type ApiName, apis } from "../../protocol/apis.ts";
import { codeOf } from "./error-code.ts";
import type { Handler, ServingTable } from "./handler.ts";

const softwarePattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/**
 * Answers with the table that requests are dispatched by.
 *
 * @param table The whole of it; asked at each request, since it holds this handler as well.
 */
export function answerApiVersions(table: () => ServingTable): Handler<"apiVersions"> {
  return async (request, call) => {
    const { clientSoftwareName: name, clientSoftwareVersion: version } = request;
    const isNamed = softwarePattern.test(name) && softwarePattern.test(version);
    // Before version 3 clients do not say who they are.
    const isRefused = call.version >= 3 && !isNamed;
    if (isNamed) call.introduce(`${name} ${version}`);
    return { errorCode: codeOf(isRefused ? "INVALID_REQUEST" : null), apiKeys: keysOf(table()) };
  };
}

function keysOf(table: ServingTable): readonly {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}[] {
  const keys = [];
  for (const name of Object.keys(table) as ApiName[]) {
    const row = table[name];
    if (row === undefined) continue;
    keys.push({ apiKey: apis[name].key, minVersion: row.min, maxVersion: row.max });
  }
  return keys.sort((left, right) => left.apiKey - right.apiKey);
}
