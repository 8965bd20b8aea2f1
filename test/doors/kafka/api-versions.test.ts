import { expect, test } from "vitest";
import { answerApiVersions } from "../../../src/doors/kafka/api-versions.ts";
import type { KafkaCall, KafkaContext, ServingTable } from "../../../src/doors/kafka/handler.ts";
import type { RequestOf } from "../../../src/protocol/apis.ts";

const unused = (): Promise<never> => Promise.reject(new Error("not called"));
const table: ServingTable = {
  metadata: { min: 1, max: 13, handle: unused },
  produce: { min: 0, max: 12, handle: unused },
};

async function answer(
  version: number,
  software: { readonly name: string; readonly version: string },
): Promise<{ readonly codes: unknown; readonly introduced: readonly string[] }> {
  const introduced: string[] = [];
  const call = { version, introduce: (text: string) => introduced.push(text) };
  const { name: clientSoftwareName, version: clientSoftwareVersion } = software;
  const request = { clientSoftwareName, clientSoftwareVersion, clusterId: null, nodeId: -1 };
  const handle = answerApiVersions(() => table);
  const codes = await handle(
    request satisfies RequestOf<"apiVersions">,
    call as unknown as KafkaCall,
    {} as KafkaContext,
  );
  return { codes, introduced };
}

const apiKeys = [
  { apiKey: 0, minVersion: 0, maxVersion: 12 },
  { apiKey: 3, minVersion: 1, maxVersion: 13 },
];

test("api versions: the table, by key; the client is known by name from then on", async () => {
  const { codes, introduced } = await answer(3, { name: "kafka-js.2", version: "1" });
  expect(codes).toEqual({ errorCode: 0, apiKeys });
  expect(introduced).toEqual(["kafka-js.2 1"]);
});

test.each([
  ["", "1"],
  ["a client", "1"],
  ["client", "-1"],
  ["client.", "1"],
])(
  "api versions: a client that calls itself '%s' '%s': error 42, and the table",
  async (name, version) => {
    expect((await answer(3, { name, version })).codes).toEqual({ errorCode: 42, apiKeys });
  },
);

test("api versions: before version 3 there is no name to look at", async () => {
  const { codes, introduced } = await answer(2, { name: "", version: "" });
  expect(codes).toEqual({ errorCode: 0, apiKeys });
  expect(introduced).toEqual([]);
});
