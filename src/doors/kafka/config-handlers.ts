// Configs of topics and groups, and the settings of the broker, which are read-only while the server runs:
// DescribeConfigs, AlterConfigs, IncrementalAlterConfigs, ListConfigResources.

import { LogError } from "../../base/error.ts";
import { mapParallel } from "../../base/parallel.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import type { ConfigChange, ConfigChanges } from "../../services.ts";
import { type DescribedConfig, describedConfig } from "./config-entry.ts";
import { doorConfigs } from "./door-configs.ts";
import { codeOf } from "./error-code.ts";
import { failureOf } from "./failure.ts";
import {
  alterGroupConfigs,
  configuredGroups,
  describedGroupConfigs,
  type Show,
} from "./group-configs.ts";
import type { Handler, KafkaContext, ServingTable } from "./handler.ts";
import { repeatedIn } from "./repeated.ts";

const changesMax = 16;

/** Kafka's numbers of what has configs. */
const resourceType = { topic: 2, broker: 4, clientMetrics: 16, group: 32 } as const;

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

type DescribedResource = EncodableResponse<"describeConfigs">["results"][number];

const describeConfigs: Handler<"describeConfigs"> = async (request, _call, context) => {
  const { includeSynonyms, includeDocumentation } = request;
  const show = { includeSynonyms, includeDocumentation };
  const repeated = repeatedIn(request.resources.map(keyOf));
  const describe = async (
    asked: RequestOf<"describeConfigs">["resources"][number],
  ): Promise<DescribedResource> => {
    const { configurationKeys, ...resource } = asked;
    try {
      checkNamedOnce(resource, repeated);
      const all = await describedConfigs(resource, context, show);
      const isWanted = ({ name }: DescribedConfig): boolean =>
        configurationKeys === null ||
        configurationKeys.length === 0 ||
        configurationKeys.includes(name);
      const configs = all.filter(isWanted);
      return { errorCode: 0, errorMessage: null, ...resource, configs };
    } catch (error) {
      const failure = failureOf(error, context);
      const { message: errorMessage } = failure;
      return { errorCode: codeOf(failure.code), errorMessage, ...resource, configs: [] };
    }
  };
  return { results: await Promise.all(request.resources.map(describe)) };
};

async function describedConfigs(
  resource: Resource,
  context: KafkaContext,
  show: Show,
): Promise<readonly DescribedConfig[]> {
  const { services } = context;
  const { resourceName: name } = resource;
  if (resource.resourceType === resourceType.group) {
    return describedGroupConfigs(name, services, show);
  }
  if (resource.resourceType === resourceType.topic) {
    const entries = await services.topics.describeConfigs(name);
    const isReadOnly = services.topics.lookup(name)?.internal ?? false;
    return entries.map((entry) => describedConfig(entry, { ...show, isReadOnly }));
  }
  checkBroker(resource, context);
  // The nameless broker stands for what was changed for all brokers while they ran: nothing can be.
  if (name === "") return [];
  const entries = [...doorConfigs(context), ...(await services.broker.describeConfigs())];
  return entries.map((entry) => describedConfig(entry, { ...show, isReadOnly: true }));
}

function checkBroker(resource: Resource, { nodeId }: KafkaContext): void {
  if (resource.resourceType !== resourceType.broker) {
    const detail = `resources of type ${resource.resourceType} have no configs here`;
    throw new LogError("INVALID_REQUEST", detail);
  }
  const { resourceName } = resource;
  if (resourceName === "" || resourceName === String(nodeId)) return;
  const detail = `there is no broker '${resourceName}': this is broker ${nodeId}, the only one`;
  throw new LogError("INVALID_REQUEST", detail);
}

type AlteredResource = EncodableResponse<"alterConfigs">["responses"][number];

const alterConfigs: Handler<"alterConfigs"> = async (request, _call, context) => {
  const { validateOnly } = request;
  const options = { validateOnly, isReplacement: true };
  const repeated = repeatedIn(request.resources.map(keyOf));
  const responses = await mapParallel(request.resources, {
    limit: changesMax,
    work: ({ configs, ...resource }) =>
      alter(resource, { context, repeated, options }, () => {
        // Built from entries, so that a key such as __proto__ is a key like any other.
        return Object.fromEntries(configs.map(({ name, value }) => [name, value]));
      }),
  });
  return { responses };
};

const incrementalAlterConfigs: Handler<"incrementalAlterConfigs"> = async (
  request,
  _call,
  context,
) => {
  const { validateOnly } = request;
  const options = { validateOnly, isReplacement: false };
  const repeated = repeatedIn(request.resources.map(keyOf));
  const responses = await mapParallel(request.resources, {
    limit: changesMax,
    work: ({ configs, ...resource }) =>
      alter(resource, { context, repeated, options }, () => changesOf(configs)),
  });
  return { responses };
};

interface Altering {
  readonly context: KafkaContext;
  readonly repeated: ReadonlySet<string>;
  readonly options: { readonly validateOnly: boolean; readonly isReplacement: boolean };
}

/** Changes one resource, if it is one that can be changed and the request names it once. */
async function alter(
  resource: Resource,
  altering: Altering,
  changes: () => ConfigChanges,
): Promise<AlteredResource> {
  const { context, repeated, options } = altering;
  const { resourceName: name } = resource;
  const { shares, topics } = context.services;
  try {
    checkNamedOnce(resource, repeated);
    checkAlterable(resource, context);
    if (resource.resourceType === resourceType.topic) {
      await topics.alterConfigs(name, changes(), options);
    } else {
      await alterGroupConfigs(name, changes(), { ...options, shares });
    }
    return { errorCode: 0, errorMessage: null, ...resource };
  } catch (error) {
    const failure = failureOf(error, context);
    return { errorCode: codeOf(failure.code), errorMessage: failure.message, ...resource };
  }
}

function checkAlterable(resource: Resource, context: KafkaContext): void {
  const { topic, group } = resourceType;
  if (resource.resourceType === topic || resource.resourceType === group) return;
  checkBroker(resource, context);
  const detail = "these settings are read-only while the server runs; it takes them when it starts";
  throw new LogError("INVALID_REQUEST", detail);
}

function checkNamedOnce(resource: Resource, repeated: ReadonlySet<string>): void {
  if (!repeated.has(keyOf(resource))) return;
  const detail = `resource '${resource.resourceName}' is named more than once`;
  throw new LogError("INVALID_REQUEST", detail);
}

function keyOf({ resourceType: type, resourceName }: Resource): string {
  return `${type} ${resourceName}`;
}

type KeyChange = RequestOf<"incrementalAlterConfigs">["resources"][number]["configs"][number];

function changesOf(configs: readonly KeyChange[]): ConfigChanges {
  const changes = new Map<string, ConfigChange>();
  for (const config of configs) {
    if (changes.has(config.name)) {
      const detail = `config key '${config.name}' is changed more than once`;
      throw new LogError("INVALID_REQUEST", detail);
    }
    changes.set(config.name, changeOf(config));
  }
  return Object.fromEntries(changes);
}

/** The operations are SET, DELETE, APPEND and SUBTRACT. */
function changeOf({ name, configOperation, value }: KeyChange): ConfigChange {
  if (configOperation === 1) return null;
  if (value === null) throw new LogError("INVALID_REQUEST", `config key '${name}' has no value`);
  if (configOperation === 0) return value;
  if (configOperation === 2) return { append: value };
  if (configOperation === 3) return { subtract: value };
  const detail = `config operation ${configOperation} of key '${name}' is unknown`;
  throw new LogError("INVALID_REQUEST", detail);
}

const listConfigResources: Handler<"listConfigResources"> = async (request, call, context) => {
  const { topic, broker, clientMetrics, group } = resourceType;
  const listed: ReadonlySet<number> = new Set([topic, broker, clientMetrics, group]);
  // The first version is for the metrics of clients alone, of which the server takes none.
  const asked = call.version === 0 ? [clientMetrics] : request.resourceTypes;
  const wanted = new Set(asked.length === 0 ? listed : asked);
  try {
    for (const type of wanted) {
      if (listed.has(type)) continue;
      throw new LogError("UNSUPPORTED_VERSION", `resources of type ${type} are not listed`);
    }
    const { services, nodeId } = context;
    const groups = wanted.has(group) ? await configuredGroups(services) : [];
    const topics = wanted.has(topic) ? await services.topics.list() : [];
    const configResources = topics.map(({ name }) => {
      return { resourceName: name, resourceType: topic as number };
    });
    if (wanted.has(broker)) {
      configResources.push({ resourceName: String(nodeId), resourceType: broker });
    }
    for (const resourceName of groups) configResources.push({ resourceName, resourceType: group });
    return { errorCode: 0, configResources };
  } catch (error) {
    const errorCode = codeOf(failureOf(error, context).code);
    return { errorCode, configResources: [] };
  }
};

/** Configs. */
export const configHandlers: ServingTable = {
  describeConfigs: { min: 1, max: 4, beginsInTurn: true, handle: describeConfigs },
  alterConfigs: { min: 0, max: 2, handle: alterConfigs },
  incrementalAlterConfigs: { min: 0, max: 1, handle: incrementalAlterConfigs },
  listConfigResources: { min: 0, max: 1, beginsInTurn: true, handle: listConfigResources },
};
