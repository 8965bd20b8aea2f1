import { expect, test } from "vitest";
import { asMaybeApplied, errorFromConnection, errorFromReply } from "../../src/client/errors.ts";

const reply = (status: number, body: unknown) =>
  errorFromReply({ status, body, requestId: "r-1", retryAfterMs: null });

test("error from a problem: code, facts and request id; the standard fields are no facts", () => {
  const error = reply(410, {
    type: "t",
    title: "T",
    status: 410,
    detail: "gone",
    instance: "i",
    code: "OFFSET_BELOW_LOG_START",
    retriable: false,
    logStartOffset: 7,
  });
  expect(error).toMatchObject({
    message: "gone",
    code: "OFFSET_BELOW_LOG_START",
    status: 410,
    facts: { logStartOffset: 7 },
    requestId: "r-1",
    mayHaveApplied: false,
  });
  expect(Object.keys(error.facts)).toEqual(["logStartOffset"]);
});

test.each([
  [503, "SERVER_OVERLOADED", {}, false],
  [503, "KAFKA_STORAGE_ERROR", {}, true],
  [504, "REQUEST_TIMED_OUT", {}, true],
  [507, "DISK_FULL", {}, false],
  [507, "DISK_FULL", { appendedRecords: 3 }, true],
  [413, "MESSAGE_TOO_LARGE", {}, false],
])("status %d %s %j: may have been applied: %s", (...row) => {
  const [status, code, facts, isDoubtful] = row;
  expect(reply(status, { code, retriable: true, ...facts }).mayHaveApplied).toBe(isDoubtful);
});

test("connection errors: only one made while connecting is sure that nothing was sent", () => {
  const coded = (fields: object) => Object.assign(new Error("x"), fields);
  const codeOf = (fields: object) => errorFromConnection(coded(fields), "http://a").code;
  expect(codeOf({ code: "ECONNREFUSED" })).toBe("CONNECT_FAILED");
  expect(codeOf({ code: "EHOSTUNREACH", syscall: "connect" })).toBe("CONNECT_FAILED");
  expect(codeOf({ code: "ECONNRESET", syscall: "read" })).toBe("CONNECTION_LOST");
  expect(codeOf({ code: "UND_ERR_SOCKET" })).toBe("CONNECTION_LOST");
  expect(codeOf({ code: "UND_ERR_INVALID_ARG" })).toBe("INVALID_REQUEST");
});

test("as maybe applied: keeps everything else", () => {
  const error = reply(412, { code: "OFFSET_MISMATCH", logEndOffset: 3 });
  const marked = asMaybeApplied(error);
  expect(marked).toMatchObject({
    code: "OFFSET_MISMATCH",
    facts: { logEndOffset: 3 },
    mayHaveApplied: true,
  });
  expect(asMaybeApplied(marked)).toBe(marked);
});
