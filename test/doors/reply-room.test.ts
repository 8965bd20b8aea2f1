import { afterAll, describe, expect, test } from "vitest";
import { ReplyRoom } from "../../src/doors/reply-room.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { requestFrame } from "../support/kafka-wire.ts";
import { BareConnection, liveServer } from "../support/live-server.ts";

class Holder {
  isCut = false;
  destroy(): void {
    this.isCut = true;
  }
}

function world(bytesMax: number) {
  const clock = new FakeClock();
  return { clock, room: new ReplyRoom(clock, bytesMax) };
}

describe("reply room", () => {
  test("held until it is let go, once", () => {
    const { room } = world(10_000);
    const release = room.hold(new Holder(), 5000);
    room.hold(new Holder(), 5000);
    expect(room.heldBytes).toBe(10_000);
    release();
    release();
    expect(room.heldBytes).toBe(5000);
  });

  test("no room: the oldest are cut, but nobody within its second; else it is refused", () => {
    const { clock, room } = world(10_000);
    const [slow, fresh] = [new Holder(), new Holder()];
    room.hold(slow, 5000);
    clock.advance(900);
    room.hold(fresh, 5000);
    expect(() => room.hold(new Holder(), 5000)).toThrow("retry later");
    expect(() => room.require()).toThrow("retry later");
    clock.advance(101);
    room.hold(new Holder(), 5000);
    expect([slow.isCut, fresh.isCut]).toEqual([true, false]);
    expect([room.heldBytes, room.cutCount]).toEqual([10_000, 1]);
  });

  test("what cannot be dropped: is held all the same, after cutting who can be cut", () => {
    const { clock, room } = world(10_000);
    const slow = new Holder();
    room.hold(slow, 10_000);
    room.holdAnyway(new Holder(), 8000);
    expect([slow.isCut, room.heldBytes]).toEqual([false, 18_000]);
    clock.advance(1000);
    room.holdAnyway(new Holder(), 5000);
    expect([slow.isCut, room.heldBytes]).toEqual([true, 5000]);
  });

  test("larger than the room: is let in alone", () => {
    const { clock, room } = world(10_000);
    const huge = new Holder();
    room.hold(huge, 50_000);
    clock.advance(2000);
    room.hold(new Holder(), 50_000);
    expect([huge.isCut, room.heldBytes]).toEqual([true, 50_000]);
  });

  test("small ones are not counted", () => {
    const { room } = world(10_000);
    room.hold(new Holder(), 4095)();
    room.holdAnyway(new Holder(), 4095);
    expect(room.heldBytes).toBe(0);
  });
});

// More than the system keeps for a connection, so that the rest stays with the server.
describe("readers that take nothing", async () => {
  const server = await liveServer({ replyBytesInFlightMax: 16 << 20, lentBytesMax: 64 << 20 });
  afterAll(() => server.close());

  test("hold no more than the room, and others are served meanwhile", async () => {
    const records = Array.from({ length: 17 }, () => ({ text: "x".repeat(900_000) }));
    const { status } = await server.call("POST", "/v1/topics/big/records", { json: { records } });
    expect(status).toBe(200);
    const path = "/v1/topics/big/partitions/0/records?maxBytes=16000000";
    const idle: BareConnection[] = [];
    for (let count = 0; count < 4; count++) {
      const connection = await BareConnection.open(server.port);
      connection.socket.pause();
      connection.send(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
      idle.push(connection);
    }
    let answer = await server.call("GET", path);
    for (let tries = 0; tries < 100 && answer.status !== 200; tries++) {
      expect(answer).toMatchObject({ status: 503, body: { code: "SERVER_OVERLOADED" } });
      await new Promise((resolve) => setTimeout(resolve, 50));
      answer = await server.call("GET", path);
    }
    expect(answer.status).toBe(200);
    expect(await server.metric("varve_http_reply_bytes")).toBeLessThanOrEqual(16 << 20);
    expect(await server.metric("varve_http_slow_readers_cut_total")).toBeGreaterThan(0);
    for (const connection of idle) connection.drop();
  });

  test("of Kafka's protocol: are cut when others need the room", async () => {
    const port = Number(server.kafka?.split(":")[1]);
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 16_000_000 }];
    const frame = requestFrame(
      "fetch",
      { version: 4 },
      {
        replicaId: -1,
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: 16_000_000,
        isolationLevel: 0,
        topics: [{ topic: "big", partitions }],
      },
    );
    const idle: BareConnection[] = [];
    for (let count = 0; count < 3; count++) {
      const connection = await BareConnection.open(port);
      connection.socket.pause();
      connection.send(frame);
      idle.push(connection);
      await new Promise((resolve) => setTimeout(resolve, 600));
    }
    const reader = await BareConnection.open(port);
    reader.send(frame);
    while (reader.socket.bytesRead < 14_000_000 && !reader.isClosed) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(reader.socket.bytesRead).toBeGreaterThan(14_000_000);
    expect(await server.metric("varve_kafka_connections_cut_total")).toBeGreaterThan(0);
    for (const connection of [...idle, reader]) connection.drop();
  });
});
