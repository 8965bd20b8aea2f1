"""Scenarios for confluent-kafka (librdkafka) against one broker.

    python3 confluent_client.py 127.0.0.1:9092 produce consume ...

Prints a line for each scenario: `ok <scenario>`, or `failed <scenario> <why>`. Each one makes topics of its own.
"""

import sys
import threading
import time
import uuid

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

bootstrap = sys.argv[1]
wait_s = 30


def settings(**more):
    known = {"bootstrap.servers": bootstrap, "socket.timeout.ms": 15000}
    known.update({key.replace("_", "."): value for key, value in more.items()})
    return known


the_admin = []


def admin():
    # One for all: a client that is dropped ends its calls.
    if not the_admin:
        the_admin.append(AdminClient(settings()))
    return the_admin[0]


def soon(is_true):
    until = time.monotonic() + wait_s
    while not is_true():
        assert time.monotonic() < until, "did not come to pass in time"
        time.sleep(0.05)


def new_topic(partitions=1, config=None):
    name = "py-" + uuid.uuid4().hex[:12]
    made = admin().create_topics([NewTopic(name, partitions, 1, config=config or {})])
    made[name].result(wait_s)
    return name


def send(topic, records, **more):
    """records: (partition, key, value, headers)"""
    reports = []
    producer = Producer(settings(**more))
    for partition, key, value, headers in records:
        producer.produce(
            topic, value, key, partition, on_delivery=lambda e, m: reports.append((e, m)), headers=headers
        )
    assert producer.flush(wait_s) == 0, "not everything was delivered in time"
    for error, _ in reports:
        assert error is None, error
    return [message.offset() for _, message in reports]


def read(topic, count, partition=0, offset=0, **more):
    consumer = Consumer(settings(group_id=uuid.uuid4().hex, auto_offset_reset="earliest", **more))
    consumer.assign([TopicPartition(topic, partition, offset)])
    messages = take(consumer, count)
    consumer.close()
    return messages


def take(consumer, count, seconds=wait_s):
    messages = []
    until = time.monotonic() + seconds
    while len(messages) < count and time.monotonic() < until:
        for message in consumer.consume(count - len(messages), 0.2):
            assert message.error() is None, message.error()
            messages.append(message)
    assert len(messages) == count, f"{len(messages)} of {count} records in time"
    return messages


def produce():
    topic = new_topic(2)
    records = [
        (0, b"k", b"v", [("h", b"1"), ("h", b"2"), ("none", None)]),
        (0, None, b"", []),
        (0, b"", None, []),
        (0, "é".encode(), bytes(range(256)), []),
    ]
    for acks in ("all", "1"):
        send(topic, records, acks=acks)
    producer = Producer(settings(acks="0"))
    producer.produce(topic, b"unacknowledged", partition=1)
    assert producer.flush(wait_s) == 0
    found = read(topic, 8)
    for message, (_, key, value, headers) in zip(found, records + records):
        assert message.key() == key and message.value() == value, (message.key(), key)
        assert (message.headers() or []) == headers, message.headers()
    assert read(topic, 1, partition=1)[0].value() == b"unacknowledged"
    missing = Producer(settings(message_timeout_ms=15000))
    reports = []
    name = "py-" + uuid.uuid4().hex[:12]
    missing.produce(name, b"made", on_delivery=lambda e, m: reports.append(e))
    missing.flush(wait_s)
    assert reports == [None], f"auto-create: {reports}"


def consume():
    topic = new_topic()
    values = [b"%d" % number for number in range(2000)]
    send(topic, [(0, None, value, None) for value in values], linger_ms=20)
    assert [message.value() for message in read(topic, 2000)] == values
    assert [message.value() for message in read(topic, 500, offset=1500)] == values[1500:]
    tail = read(topic, 10, offset=1990, **{"enable.partition.eof": False})
    assert tail[-1].offset() == 1999


def rebalance(**more):
    topic = new_topic(4)
    group = uuid.uuid4().hex
    send(topic, [(number % 4, None, b"%d" % number, None) for number in range(400)])
    seen = []
    lock = threading.Lock()
    owned = [set(), set()]
    done = [threading.Event(), threading.Event()]

    def member(index):
        consumer = Consumer(settings(group_id=group, auto_offset_reset="earliest", **more))
        consumer.subscribe([topic])
        while not done[index].is_set():
            message = consumer.poll(0.1)
            owned[index] = {part.partition for part in consumer.assignment()}
            if message is not None and message.error() is None:
                with lock:
                    seen.append((message.partition(), message.offset()))
        consumer.close()

    threads = [threading.Thread(target=member, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if len(owned[0]) == 2 and len(owned[1]) == 2 and len(set(seen)) == 400:
                break
            time.sleep(0.1)
        assert owned[0] | owned[1] == {0, 1, 2, 3}, owned
        assert not owned[0] & owned[1], owned
        assert len(set(seen)) == 400, len(set(seen))
        done[1].set()
        threads[1].join(wait_s)
        until = time.monotonic() + 60
        while owned[0] != {0, 1, 2, 3} and time.monotonic() < until:
            time.sleep(0.1)
        assert owned[0] == {0, 1, 2, 3}, owned
    finally:
        for event in done:
            event.set()
        for thread in threads:
            thread.join(wait_s)


def group_rebalance():
    rebalance(**{"session_timeout_ms": 10000})


def group_rebalance_848():
    rebalance(**{"group_protocol": "consumer"})


def offsets():
    topic = new_topic()
    group = uuid.uuid4().hex
    base = 1_700_000_000_000
    producer = Producer(settings())
    for number in range(100):
        producer.produce(topic, b"%d" % number, partition=0, timestamp=base + number * 1000)
    assert producer.flush(wait_s) == 0
    consumer = Consumer(settings(group_id=group, enable_auto_commit=False))
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), wait_s)
    assert (low, high) == (0, 100), (low, high)
    found = consumer.offsets_for_times([TopicPartition(topic, 0, base + 49_500)], wait_s)
    assert found[0].offset == 50, found
    late = consumer.offsets_for_times([TopicPartition(topic, 0, base + 999_000)], wait_s)
    assert late[0].offset == -1, late
    nothing = consumer.committed([TopicPartition(topic, 0)], wait_s)
    assert nothing[0].offset == -1001, nothing
    committed = TopicPartition(topic, 0, 42, "note")
    consumer.commit(offsets=[committed], asynchronous=False)
    again = consumer.committed([TopicPartition(topic, 0)], wait_s)
    assert again[0].offset == 42 and again[0].metadata == "note", again
    consumer.close()
    reset = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 7)])
    admin().alter_consumer_group_offsets([reset])[group].result(wait_s)
    listed = admin().list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    assert listed[group].result(wait_s).topic_partitions[0].offset == 7


def administration():
    client = admin()
    topic = new_topic(2, {"retention.ms": "60000"})
    metadata = client.list_topics(topic, wait_s)
    assert len(metadata.topics[topic].partitions) == 2
    client.create_partitions([NewPartitions(topic, 3)])[topic].result(wait_s)
    soon(lambda: len(client.list_topics(topic, wait_s).topics[topic].partitions) == 3)
    resource = ConfigResource(ResourceType.TOPIC, topic)
    config = client.describe_configs([resource])[resource].result(wait_s)
    assert config["retention.ms"].value == "60000", config["retention.ms"]
    change = ConfigEntry("retention.ms", "90000", incremental_operation=AlterConfigOpType.SET)
    changed = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])
    client.incremental_alter_configs([changed])[changed].result(wait_s)
    soon(lambda: client.describe_configs([resource])[resource].result(wait_s)["retention.ms"].value == "90000")
    try:
        client.create_topics([NewTopic(topic, 1, 1)])[topic].result(wait_s)
        raise AssertionError("the topic was created twice")
    except KafkaException as error:
        assert error.args[0].name() == "TOPIC_ALREADY_EXISTS", error
    send(topic, [(0, None, b"x", None)] * 10)
    place = TopicPartition(topic, 0)
    latest = client.list_offsets({place: OffsetSpec.latest()})[place].result(wait_s)
    assert latest.offset == 10, latest.offset
    removed = client.delete_records([TopicPartition(topic, 0, 4)])
    assert list(removed.values())[0].result(wait_s).low_watermark == 4
    earliest = client.list_offsets({place: OffsetSpec.earliest()})[place].result(wait_s)
    assert earliest.offset == 4, earliest.offset
    cluster = client.describe_cluster().result(wait_s)
    assert len(cluster.nodes) == 1 and cluster.cluster_id
    described = client.describe_topics(TopicCollection([topic]))
    assert len(described[topic].result(wait_s).partitions) == 3
    group = uuid.uuid4().hex
    consumer = Consumer(settings(group_id=group, auto_offset_reset="earliest"))
    consumer.subscribe([topic])
    take(consumer, 6)
    named = client.list_consumer_groups().result(wait_s)
    assert group in [entry.group_id for entry in named.valid], named.errors
    shown = client.describe_consumer_groups([group])[group].result(wait_s)
    assert len(shown.members) == 1 and shown.state.name == "STABLE", shown.state
    consumer.close()
    client.delete_consumer_groups([group])[group].result(wait_s)
    client.delete_topics([topic])[topic].result(wait_s)
    soon(lambda: topic not in client.list_topics(timeout=wait_s).topics)


def compression(codec):
    topic = new_topic()
    values = [(b"%06d " % number) * 40 for number in range(500)]
    records = [(0, b"key", value, [("n", b"h")]) for value in values]
    send(topic, records, compression_type=codec, linger_ms=50)
    assert [message.value() for message in read(topic, 500)] == values


def idempotence():
    topic = new_topic(2)
    records = [(number % 2, None, b"%d" % number, None) for number in range(5000)]
    send(topic, records, enable_idempotence=True, linger_ms=1, batch_num_messages=50)
    for partition in (0, 1):
        found = [int(message.value()) for message in read(topic, 2500, partition=partition)]
        assert found == list(range(partition, 5000, 2)), "lost, twice or out of order"


def transactions():
    topic = new_topic()
    source = new_topic()
    group = uuid.uuid4().hex
    send(source, [(0, None, b"%d" % number, None) for number in range(10)])
    name = uuid.uuid4().hex
    producer = Producer(settings(transactional_id=name))
    producer.init_transactions(wait_s)
    producer.begin_transaction()
    producer.produce(topic, b"aborted", partition=0)
    producer.flush(wait_s)
    producer.abort_transaction(wait_s)
    consumer = Consumer(settings(group_id=group, auto_offset_reset="earliest", enable_auto_commit=False))
    consumer.subscribe([source])
    take(consumer, 10)
    producer.begin_transaction()
    for number in range(10):
        producer.produce(topic, b"%d" % number, partition=0)
    positions = consumer.position(consumer.assignment())
    producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), wait_s)
    producer.flush(wait_s)
    place = TopicPartition(topic, 0)
    stable = {"isolation_level": IsolationLevel.READ_COMMITTED}
    before = admin().list_offsets({place: OffsetSpec.latest()}, **stable)[place].result(wait_s)
    assert before.offset == 2, before.offset
    producer.commit_transaction(wait_s)
    found = read(topic, 10, isolation_level="read_committed")
    assert [message.value() for message in found] == [b"%d" % number for number in range(10)]
    everything = read(topic, 11, isolation_level="read_uncommitted")
    assert everything[0].value() == b"aborted"
    assert consumer.committed([TopicPartition(source, 0)], wait_s)[0].offset == 10
    consumer.close()
    newer = Producer(settings(transactional_id=name))
    newer.init_transactions(wait_s)
    producer.begin_transaction()
    producer.produce(topic, b"zombie", partition=0)
    try:
        producer.commit_transaction(wait_s)
        raise AssertionError("the older producer was not fenced")
    except KafkaException as error:
        assert error.args[0].fatal() or error.args[0].txn_requires_abort(), error
    assert len(read(topic, 10, isolation_level="read_committed")) == 10


scenarios = {
    "produce": produce,
    "consume": consume,
    "group-rebalance": group_rebalance,
    "group-rebalance-848": group_rebalance_848,
    "offsets": offsets,
    "admin": administration,
    "compression-gzip": lambda: compression("gzip"),
    "compression-snappy": lambda: compression("snappy"),
    "compression-lz4": lambda: compression("lz4"),
    "compression-zstd": lambda: compression("zstd"),
    "idempotence": idempotence,
    "transactions": transactions,
}



def copy(source, target, count):
    """Reads every record of one topic and writes it to another: partition, key, value, headers and time."""
    consumer = Consumer(settings(group_id=uuid.uuid4().hex))
    partitions = consumer.list_topics(source, wait_s).topics[source].partitions
    consumer.assign([TopicPartition(source, partition, 0) for partition in partitions])
    producer = Producer(settings(**{"message.max.bytes": 2_000_000}))
    for message in take(consumer, int(count)):
        producer.produce(
            target,
            message.value(),
            message.key(),
            message.partition(),
            headers=message.headers(),
            timestamp=message.timestamp()[1],
        )
    assert producer.flush(wait_s) == 0
    consumer.close()


def keys(topic, count):
    """Writes records with the keys `key-0`, `key-1`, ... and no partition: the client's own choice."""
    producer = Producer(settings(partitioner="murmur2_random"))
    for number in range(int(count)):
        producer.produce(topic, b"", f"key-{number}")
    assert producer.flush(wait_s) == 0


def share(topic, group, count):
    """A member of a consumer-protocol group: prints each record it is given until `count` were printed in all."""
    consumer = Consumer(settings(group_id=group, group_protocol="consumer", auto_offset_reset="earliest"))
    consumer.subscribe([topic])
    until = time.monotonic() + 60
    seen = 0
    while seen < int(count) and time.monotonic() < until:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            seen += 1
            print("record", message.partition(), message.offset(), flush=True)
    consumer.close()


commands = {"copy": copy, "keys": keys, "share": share}
if len(sys.argv) > 2 and sys.argv[2] in commands:
    commands[sys.argv[2]](*sys.argv[3:])
    print("ok", sys.argv[2], flush=True)
    sys.exit(0)

for scenario in sys.argv[2:] or scenarios:
    try:
        scenarios[scenario]()
        print("ok", scenario, flush=True)
    except BaseException as error:
        line = sys.exc_info()[2]
        while line.tb_next is not None and line.tb_next.tb_frame.f_code.co_filename == __file__:
            line = line.tb_next
        text = " ".join(f"{type(error).__name__}: {error}".split())
        print("failed", scenario, f"line {line.tb_lineno}: {text}", flush=True)
