import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import {
  checkClassicCommitter,
  checkGeneration,
  checkJoinRequest,
  checkMember,
  checkProtocols,
} from "../../src/group/classic-checks.ts";
import { ClassicGroup, newGeneration } from "../../src/group/classic-group.ts";
import { memberOf } from "../../src/group/classic-generation.ts";
import { defaultGroupLimits } from "../../src/group/group-context.ts";
import { joinOf, protocol } from "../support/classic-world.ts";

function codeOf(check: () => unknown): string {
  try {
    check();
    return "ok";
  } catch (error) {
    return error instanceof LogError ? error.code : String(error);
  }
}

/** Generation 3 with the dynamic member `a` and the static member `b`. */
function groupOf(isAssigned = true): ClassicGroup {
  const a = memberOf(joinOf({ protocols: [protocol("x"), protocol("y")] }), "a", null);
  const b = memberOf(joinOf({ groupInstanceId: "i", protocols: [protocol("y")] }), "b", null);
  const members = new Map([a, b].map((member) => [member.memberId, member]));
  const names = { protocolType: "consumer", protocolName: "y", leaderId: "a" };
  return new ClassicGroup({ ...newGeneration, ...names, generationId: 3, members, isAssigned });
}

const nobody = { memberId: "", groupInstanceId: null, generationId: -1, isTransactional: false };

describe("classic checks", () => {
  test.each([
    ["a", null, "ok"],
    ["b", null, "ok"],
    ["b", "i", "ok"],
    ["x", null, "UNKNOWN_MEMBER_ID"],
    ["", null, "UNKNOWN_MEMBER_ID"],
    ["a", "i", "FENCED_INSTANCE_ID"],
    ["x", "i", "FENCED_INSTANCE_ID"],
    ["a", "j", "UNKNOWN_MEMBER_ID"],
  ])("member %j with instance %j: %s", (memberId, groupInstanceId, code) => {
    expect(codeOf(() => checkMember(groupOf(), { memberId, groupInstanceId }))).toBe(code);
    if (code === "ok") return;
    const where = { memberId, groupInstanceId };
    expect(codeOf(() => checkMember(null, where))).toBe("UNKNOWN_MEMBER_ID");
  });

  test("generation: the present one, no other", () => {
    const codes = [2, 3, 4].map((id) => codeOf(() => checkGeneration(groupOf(), id)));
    expect(codes).toEqual(["ILLEGAL_GENERATION", "ok", "ILLEGAL_GENERATION"]);
  });

  test.each([
    ["a member at rest", {}, true, "ok"],
    ["before the assignment", {}, false, "REBALANCE_IN_PROGRESS"],
    ["a transaction before the assignment", { isTransactional: true }, false, "ok"],
    ["an old generation", { generationId: 2 }, true, "ILLEGAL_GENERATION"],
    ["somebody else", { memberId: "x" }, true, "UNKNOWN_MEMBER_ID"],
    ["a member that says no generation", { generationId: -1 }, true, "ILLEGAL_GENERATION"],
    ["a fenced one", { groupInstanceId: "i" }, true, "FENCED_INSTANCE_ID"],
    ["nobody", nobody, true, "UNKNOWN_MEMBER_ID"],
    ["nobody's transaction", { ...nobody, isTransactional: true }, true, "ok"],
  ] as const)("commit of %s", (...[, fields, isAssigned, code]) => {
    const own = { memberId: "a", groupInstanceId: null, generationId: 3, isTransactional: false };
    const check = (): void => checkClassicCommitter(groupOf(isAssigned), { ...own, ...fields });
    expect(codeOf(check)).toBe(code);
  });

  test("commit without members: nobody in particular, and no member", () => {
    const empty = new ClassicGroup({ ...newGeneration, generationId: 3 });
    expect(codeOf(() => checkClassicCommitter(empty, nobody))).toBe("ok");
    const member = { ...nobody, memberId: "a", generationId: 3 };
    expect(codeOf(() => checkClassicCommitter(empty, member))).toBe("UNKNOWN_MEMBER_ID");
  });

  test("join requests: sessions within their bounds, something to agree on", () => {
    const check = (fields: object): string =>
      codeOf(() => checkJoinRequest(joinOf(fields), defaultGroupLimits));
    expect([6_000, 1_800_000].map((sessionTimeoutMs) => check({ sessionTimeoutMs }))).toEqual([
      "ok",
      "ok",
    ]);
    expect(check({ sessionTimeoutMs: 5_999 })).toBe("INVALID_SESSION_TIMEOUT");
    expect(check({ protocols: [] })).toBe("INCONSISTENT_GROUP_PROTOCOL");
  });

  test("protocols: one in common with all the others", () => {
    const check = (names: readonly string[], replacedId: string | null = null): string => {
      const protocols = names.map((name) => protocol(name));
      const request = { protocolType: "consumer", protocols };
      return codeOf(() => checkProtocols(groupOf(), request, replacedId));
    };
    expect(check(["z", "y"])).toBe("ok");
    expect(check(["x"])).toBe("INCONSISTENT_GROUP_PROTOCOL");
    expect(check(["x"], "b")).toBe("ok");
    const other = { protocolType: "connect", protocols: [protocol("y")] };
    expect(codeOf(() => checkProtocols(groupOf(), other, null))).toBe(
      "INCONSISTENT_GROUP_PROTOCOL",
    );
    expect(codeOf(() => checkProtocols(new ClassicGroup(newGeneration), other, null))).toBe("ok");
  });
});
