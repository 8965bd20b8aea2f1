import { expect, test } from "vitest";
import type { ErrorName } from "../../../src/base/error.ts";
import { errorTable, LogError } from "../../../src/base/error.ts";
import { nameError, problemOf, statusOfError } from "../../../src/doors/http/problem.ts";

test("problem: every error: its status is one of an error, and 429, 503 and 507 say when to retry", () => {
  for (const code of Object.keys(errorTable) as ErrorName[]) {
    const problem = problemOf(new LogError(code, "detail"), "urn:x");
    expect(problem.status).toBe(statusOfError[code]);
    expect(problem.status).toBeGreaterThanOrEqual(400);
    expect(problem.retryAfterSeconds !== null).toBe([429, 503, 507].includes(problem.status));
  }
});

test("problem: facts stand beside the members, and cannot replace them", () => {
  const error = new LogError("OFFSET_MISMATCH", "d", { facts: { logEndOffset: 5, status: 200 } });
  expect(JSON.parse(problemOf(error, "urn:x").body)).toMatchObject({
    status: 412,
    logEndOffset: 5,
  });
});

test("problem: a stranger: its text is not shown, even when it claims a status", () => {
  const stranger = Object.assign(new Error("secret"), { statusCode: 418 });
  expect(problemOf(stranger, "urn:x").body).not.toContain("secret");
  expect(nameError("text").code).toBe("UNKNOWN_SERVER_ERROR");
  expect(nameError(stranger).cause).toBe(stranger);
});
