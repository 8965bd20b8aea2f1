// ApiVersions (18): which APIs a broker speaks. Every version's response has header v0.

import { api } from "../api.ts";
import { array, bool, int16, int32, int64, string } from "../field.ts";

/** ApiVersions. */
export const apiVersions = api({
  key: 18,
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    clientSoftwareName: string.since(3),
    clientSoftwareVersion: string.since(3),
    clusterId: string.nullable().since(5),
    nodeId: int32.since(5).or(-1),
  },
  response: {
    errorCode: int16,
    apiKeys: array({ apiKey: int16, minVersion: int16, maxVersion: int16 }),
    throttleTimeMs: int32.since(1),
    supportedFeatures: array({ name: string, minVersion: int16, maxVersion: int16 })
      .since(3)
      .tag(0),
    finalizedFeaturesEpoch: int64.since(3).or(-1).tag(1),
    finalizedFeatures: array({ name: string, maxVersionLevel: int16, minVersionLevel: int16 })
      .since(3)
      .tag(2),
    zkMigrationReady: bool.since(3).tag(3),
  },
});
