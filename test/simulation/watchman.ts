// Somebody who asks the server how it is: no disk of a simulation rots, so damage that it speaks of
// where every call was answered well is a false alarm.

import type { Random } from "../../src/base/random.ts";
import type { World } from "./world.ts";

/** Asks now and then. */
export async function watchman(world: World, random: Random): Promise<void> {
  while (!world.isEnding) {
    await world.sleep(random.below(1000));
    const answer = await world.call("health", (services) => services.health());
    if (answer.kind !== "ok" || world.isDiskBad) continue;
    const damage = answer.value.warnings.find((warning) => warning.includes(" is damaged at "));
    if (damage !== undefined) world.broken(`a false alarm: ${damage}`);
  }
}
