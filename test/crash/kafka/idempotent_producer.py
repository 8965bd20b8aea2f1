"""Numbered records through librdkafka, and the count of them afterwards.

    python3 idempotent_producer.py 127.0.0.1:9092 produce TOPIC PARTITIONS RECORDS VALUE_BYTES
    python3 idempotent_producer.py 127.0.0.1:9092 verify  TOPIC PARTITIONS RECORDS VALUE_BYTES

`produce` sends record n to partition n % PARTITIONS, idempotent, lz4, and prints `acknowledged N` as it goes. `verify`
reads everything and prints `problem ...` for what is lost, twice, changed or out of order, then `verified N`.
"""

import random
import sys
import time
import zlib

from confluent_kafka import Consumer, Producer, TopicPartition

bootstrap, command, topic = sys.argv[1:4]
partitions, records, value_bytes = map(int, sys.argv[4:7])
noise = random.Random(1).randbytes(1 << 20)


def value_of(number):
    start = number * 7919 % (len(noise) - value_bytes)
    # Half of it compresses, as payloads do.
    half = (value_bytes - 20) // 2
    body = noise[start : start + half] + b"." * (value_bytes - 20 - half)
    return b"%011d %08x" % (number, zlib.crc32(body)) + body


def produce():
    acknowledged = 0
    failures = []

    def delivered(error, _):
        nonlocal acknowledged
        if error is None:
            acknowledged += 1
            if acknowledged % 1000 == 0:
                print("acknowledged", acknowledged, flush=True)
        else:
            failures.append(str(error))

    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 5,
            "delivery.timeout.ms": 600_000,
            "reconnect.backoff.max.ms": 500,
            "queue.buffering.max.messages": 20_000,
        }
    )
    for number in range(records):
        while True:
            try:
                producer.produce(topic, value_of(number), partition=number % partitions, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    left = producer.flush(600)
    print("acknowledged", acknowledged, flush=True)
    for failure in failures[:10]:
        print("problem not delivered:", failure)
    if left > 0 or failures:
        print(f"problem {left} left and {len(failures)} failed", flush=True)


def positions(consumer):
    return consumer.position([TopicPartition(topic, partition) for partition in range(partitions)])


def verify():
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "verify", "check.crcs": True})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    expected = list(range(partitions))
    count = problems = 0
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, n), 30)[1] for n in range(partitions)]
    until = time.monotonic() + 600
    while time.monotonic() < until and any(
        place.offset < end for place, end in zip(positions(consumer), ends)
    ):
        for message in consumer.consume(5000, 0.5):
            count += 1
            partition, number = message.partition(), int(message.value()[:11])
            if number != expected[partition]:
                problems += 1
                if problems <= 10:
                    where = f"{partition}@{message.offset()}"
                    print(f"problem {where}: record {number} where {expected[partition]} belongs")
            if message.value() != value_of(number):
                problems += 1
                print(f"problem record {number} is changed")
            expected[partition] = number + partitions
    for partition, number in enumerate(expected):
        if number < records:
            print(f"problem partition {partition} ends before record {number}")
    if count != records:
        print(f"problem {count} records of {records}")
    print("verified", count, flush=True)


produce() if command == "produce" else verify()
