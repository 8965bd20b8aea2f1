// Where the messages of one request are: appended by it, or already there under the same dedup id.

/** Where a record lies. */
export interface MessagePlace {
  readonly partition: number;
  readonly offset: number;
}

/** Collects the dedup ids of one request's messages and tells, from them, where each message is. */
export class MessagePlaces {
  readonly #idOf: (string | null)[] = [];
  readonly #isFirst: boolean[] = [];
  readonly #ids = new Set<string>();
  #known: ReadonlyMap<string, MessagePlace> = new Map();

  /** The ids, each once, in the order in which they first appear. */
  get ids(): readonly string[] {
    return [...this.#ids];
  }

  /** How many of the ids belong to records that were there before. */
  get knownCount(): number {
    return this.#known.size;
  }

  /** Places of the records that were there before. */
  get known(): readonly MessagePlace[] {
    return [...this.#known.values()];
  }

  /** Notes the next message's id; false when an earlier message of the request has it. */
  add(id: string | null): boolean {
    const isFirst = id === null || !this.#ids.has(id);
    this.#idOf.push(id);
    this.#isFirst.push(isFirst);
    if (id !== null) this.#ids.add(id);
    return isFirst;
  }

  /** Tells where the records of the ids are, in the order of `ids`; null for new ones. */
  tell(places: readonly (MessagePlace | null)[]): void {
    const known = new Map<string, MessagePlace>();
    for (const [index, id] of this.ids.entries()) {
      const place = places[index] ?? null;
      if (place !== null) known.set(id, { partition: place.partition, offset: place.offset });
    }
    this.#known = known;
  }

  /** Whether the message at an index is to be appended: new, and the first one of its id. */
  isNew(index: number): boolean {
    const id = this.#idOf[index] ?? null;
    return this.#isFirst[index] === true && (id === null || !this.#known.has(id));
  }

  /** The place of every message of the request, in order. @param appended Places of the new ones, in order. */
  all<Place>(appended: readonly Place[]): readonly (Place | MessagePlace)[] {
    const placeOf = new Map<string, Place | MessagePlace>(this.#known);
    let next = 0;
    return this.#idOf.map((id) => {
      const known = id === null ? undefined : placeOf.get(id);
      if (known !== undefined) return known;
      const place = appended[next++] as Place;
      if (id !== null) placeOf.set(id, place);
      return place;
    });
  }

  /** The places of the new ids, in order of the ids. @param appended Places of the new messages, in order. */
  reserved<Place>(appended: readonly Place[]): readonly Place[] {
    const reserved: Place[] = [];
    let next = 0;
    for (const [index, id] of this.#idOf.entries()) {
      if (!this.isNew(index)) continue;
      const place = appended[next++];
      if (id !== null && place !== undefined) reserved.push(place);
    }
    return reserved;
  }
}
