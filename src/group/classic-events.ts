// What is written of a generation of a classic group: one JSON object; members' bytes are base64.

import type { GroupProtocol } from "../services.ts";
import type { ClassicMember, Generation } from "./classic-group.ts";
import type { EventFields } from "./event-fields.ts";

/** A generation as an object for JSON. */
export function generationJson(generation: Generation): object {
  const { members, ...fields } = generation;
  return { ...fields, members: [...members.values()].map(memberJson) };
}

/**
 * The generation of such an object.
 * @throws KAFKA_STORAGE_ERROR
 */
export function readGeneration(content: EventFields): Generation {
  const members = content.objects("members").map(readMember);
  return {
    generationId: content.integer("generationId"),
    protocolType: content.text("protocolType"),
    protocolName: content.text("protocolName"),
    leaderId: content.textOrNull("leaderId"),
    members: new Map(members.map((member) => [member.memberId, member])),
    isAssigned: content.flag("isAssigned"),
    emptySinceMs: content.isNull("emptySinceMs") ? null : content.integer("emptySinceMs"),
  };
}

function memberJson({ protocols, assignment, ...fields }: ClassicMember): object {
  return {
    ...fields,
    protocols: protocols.map(({ name, metadata }) => ({ name, metadata: base64(metadata) })),
    assignment: base64(assignment),
  };
}

function readMember(content: EventFields): ClassicMember {
  return {
    memberId: content.text("memberId"),
    instanceId: content.textOrNull("instanceId"),
    clientId: content.text("clientId"),
    clientHost: content.text("clientHost"),
    sessionTimeoutMs: content.integer("sessionTimeoutMs"),
    rebalanceTimeoutMs: content.integer("rebalanceTimeoutMs"),
    protocols: content.objects("protocols").map(readProtocol),
    assignment: content.bytes("assignment"),
  };
}

function readProtocol(content: EventFields): GroupProtocol {
  return { name: content.text("name"), metadata: content.bytes("metadata") };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
