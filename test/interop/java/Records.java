// Producing and consuming: shapes of records, acks, compression, order, large values, reads from anywhere.

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.DescribeProducersOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;

final class Records {
  static void scenarios(Map<String, Interop.Scenario> all) {
    all.put("produce/shapes", Records::shapes);
    all.put("produce/acks", Records::acks);
    all.put("produce/large-values", Records::largeValues);
    all.put("produce/too-large", Records::tooLarge);
    all.put("produce/auto-create", Records::autoCreate);
    all.put("produce/log-append-time", Records::logAppendTime);
    for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) {
      all.put("compression-" + codec + "/round-trip", kit -> roundTrip(kit, codec));
      all.put("compression-" + codec + "/by-topic", kit -> byTopic(kit, codec));
    }
    all.put("idempotence/order", Records::order);
    all.put("idempotence/producer-state", Records::producerState);
    all.put("consume/from-anywhere", Records::fromAnywhere);
    all.put("consume/long-poll", Records::longPoll);
    all.put("consume/small-fetches", Records::smallFetches);
    all.put("consume/many-partitions", Records::manyPartitions);
  }

  private static void shapes(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    byte[] binary = new byte[256];
    for (int at = 0; at < 256; at++) binary[at] = (byte) at;
    byte[][] bodies = {null, new byte[0], binary, Kit.bytes("plain"), Kit.bytes("žluťoučký 馬 🐎")};
    List<ProducerRecord<byte[], byte[]>> sent = new ArrayList<>();
    long time = 1_700_000_000_000L;
    for (byte[] key : bodies) {
      for (byte[] value : bodies) {
        var record = new ProducerRecord<>(to.topic(), 0, time++, key, value);
        for (int at = 0; at < sent.size() % 4; at++) record.headers().add(new RecordHeader("h" + at % 2, bodies[at]));
        sent.add(record);
      }
    }
    var producer = kit.producer("linger.ms", "50");
    List<Future<RecordMetadata>> answers = new ArrayList<>();
    for (var record : sent) answers.add(producer.send(record));
    producer.flush();
    for (int at = 0; at < sent.size(); at++) {
      RecordMetadata answer = answers.get(at).get();
      Kit.same(answer.offset(), (long) at, "offset");
      Kit.same(answer.timestamp(), sent.get(at).timestamp(), "timestamp");
    }
    var got = kit.read(to, sent.size());
    Kit.same(got.size(), sent.size(), "records");
    for (int at = 0; at < got.size(); at++) {
      var record = got.get(at);
      Kit.check(Arrays.equals(record.key(), sent.get(at).key()), "key of record " + at);
      Kit.check(Arrays.equals(record.value(), sent.get(at).value()), "value of record " + at);
      Kit.check(Arrays.equals(record.headers().toArray(), sent.get(at).headers().toArray()), "headers of " + at);
      Kit.same(record.timestamp(), sent.get(at).timestamp(), "time of record " + at);
      Kit.same(record.timestampType(), TimestampType.CREATE_TIME, "type of time");
      Kit.same(record.offset(), (long) at, "offset of record");
    }
  }

  private static void acks(Kit kit) throws Exception {
    for (String acks : List.of("0", "1", "all")) {
      TopicPartition to = new TopicPartition(kit.topic("acks-" + acks, 1, Map.of()), 0);
      var producer = kit.producer("acks", acks, "enable.idempotence", "false");
      var answers = kit.send(producer, to, 0, 500);
      Kit.same(answers.get(499).offset(), acks.equals("0") ? -1L : 499L, "offset with acks=" + acks);
      Kit.same(Kit.values(kit.read(to, 500)), Kit.numbers(0, 500), "values with acks=" + acks);
    }
  }

  private static void largeValues(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    byte[] large = new byte[1_000_000];
    new Random(7).nextBytes(large);
    var producer = kit.producer();
    for (int at = 0; at < 12; at++) {
      large[0] = (byte) at;
      producer.send(new ProducerRecord<>(to.topic(), 0, null, large.clone())).get();
    }
    var got = kit.read(to, 12);
    for (int at = 0; at < 12; at++) {
      large[0] = (byte) at;
      Kit.check(Arrays.equals(got.get(at).value(), large), "value " + at);
    }
  }

  private static void tooLarge(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic("limited", 1, Map.of("max.message.bytes", "10000")), 0);
    var producer = kit.producer();
    kit.fails(() -> producer.send(new ProducerRecord<>(to.topic(), 0, null, new byte[20_000])).get(),
        RecordTooLargeException.class);
    kit.send(producer, to, 0, 3);
    Kit.same(kit.read(to, 3).size(), 3, "the topic goes on");
  }

  private static void autoCreate(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.unique + "-made", 0);
    kit.send(kit.producer(), to, 0, 3);
    Kit.same(Kit.values(kit.read(to, 3)), Kit.numbers(0, 3), "values");
    var consumer = kit.consumer("allow.auto.create.topics", "false", "default.api.timeout.ms", "3000");
    String never = kit.unique + "-never";
    kit.fails(() -> {
      var partitions = consumer.partitionsFor(never, Duration.ofSeconds(2));
      if (partitions.isEmpty()) throw new UnknownTopicOrPartitionException("no partitions");
      return null;
    }, UnknownTopicOrPartitionException.class, TimeoutException.class);
    Kit.check(!kit.admin().listTopics().names().get().contains(never), "a topic was made without leave");
  }

  private static void logAppendTime(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic("t", 1, Map.of("message.timestamp.type", "LogAppendTime")), 0);
    long before = System.currentTimeMillis();
    var answer = kit.producer().send(new ProducerRecord<>(to.topic(), 0, 5L, null, Kit.bytes("x"))).get();
    var got = kit.read(to, 1).get(0);
    Kit.same(got.timestampType(), TimestampType.LOG_APPEND_TIME, "type of time");
    Kit.check(got.timestamp() >= before - 1000, "the server's time");
    Kit.same(answer.timestamp(), got.timestamp(), "time in the answer");
  }

  private static void roundTrip(Kit kit, String codec) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    var producer = kit.producer("compression.type", codec, "linger.ms", "20", "batch.size", "65536");
    kit.send(producer, to, 0, 5000);
    byte[] random = new byte[200_000];
    new Random(3).nextBytes(random);
    producer.send(new ProducerRecord<>(to.topic(), 0, null, random)).get();
    var got = kit.read(to, 5001);
    Kit.same(Kit.values(got.subList(0, 5000)), Kit.numbers(0, 5000), "values");
    Kit.check(Arrays.equals(got.get(5000).value(), random), "random bytes");
  }

  private static void byTopic(Kit kit, String codec) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic("t", 1, Map.of("compression.type", codec)), 0);
    kit.send(kit.producer("linger.ms", "20"), to, 0, 500);
    kit.send(kit.producer("linger.ms", "20", "compression.type", "gzip"), to, 500, 1000);
    Kit.same(Kit.values(kit.read(to, 1000)), Kit.numbers(0, 1000), "values");
  }

  private static void order(Kit kit) throws Exception {
    String topic = kit.topic(3);
    var producer = kit.producer("max.in.flight.requests.per.connection", "5", "batch.size", "500");
    for (int number = 0; number < 6000; number++) {
      producer.send(new ProducerRecord<>(topic, number % 3, null, Kit.bytes("" + number / 3)));
    }
    producer.flush();
    for (int partition = 0; partition < 3; partition++) {
      var got = kit.read(new TopicPartition(topic, partition), 2000);
      Kit.same(Kit.values(got), Kit.numbers(0, 2000), "order in partition " + partition);
    }
  }

  private static void producerState(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    kit.send(kit.producer(), to, 0, 10);
    kit.send(kit.producer(), to, 10, 15);
    var producers = kit.admin().describeProducers(List.of(to), new DescribeProducersOptions())
        .partitionResult(to).get().activeProducers();
    Kit.same(producers.size(), 2, "active producers");
    var sequences = producers.stream().map(one -> one.lastSequence()).sorted().toList();
    Kit.same(sequences, List.of(4, 9), "last sequences");
    Kit.check(producers.stream().allMatch(one -> one.currentTransactionStartOffset().isEmpty()), "no transaction");
  }

  private static void fromAnywhere(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    var producer = kit.producer("batch.size", "200");
    kit.send(producer, to, 0, 1000);
    try (var consumer = kit.consumer()) {
      consumer.assign(List.of(to));
      for (long offset : new long[] {0, 1, 17, 500, 999}) {
        consumer.seek(to, offset);
        ConsumerRecord<byte[], byte[]> first = kit.take(consumer, 1).get(0);
        Kit.same(first.offset(), offset, "first offset");
        Kit.same(Kit.text(first.value()), "" + offset, "first value");
      }
      consumer.seekToEnd(List.of(to));
      Kit.same(consumer.position(to), 1000L, "end");
      kit.send(producer, to, 1000, 1001);
      Kit.same(kit.take(consumer, 1).get(0).offset(), 1000L, "the record after the end");
    }
  }

  private static void longPoll(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    var producer = kit.producer();
    kit.send(producer, to, 0, 1);
    var consumer = kit.consumer("fetch.max.wait.ms", "4000");
    consumer.assign(List.of(to));
    kit.take(consumer, 1);
    var later = new Thread(() -> {
      try {
        Thread.sleep(1500);
        kit.send(producer, to, 1, 2);
      } catch (Exception impossible) {
        throw new IllegalStateException(impossible);
      }
    });
    later.start();
    long before = System.nanoTime();
    Kit.same(kit.take(consumer, 1).get(0).offset(), 1L, "the late record");
    Kit.check(System.nanoTime() - before < 3_500_000_000L, "a waiting fetch answers when a record arrives");
    later.join();
  }

  private static void smallFetches(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    kit.send(kit.producer("batch.size", "3000"), to, 0, 2000);
    // Less than a batch: the first batch comes whole all the same.
    var got = kit.read(to, 2000, "max.partition.fetch.bytes", "100", "fetch.max.bytes", "100", "max.poll.records", "7");
    Kit.same(Kit.values(got), Kit.numbers(0, 2000), "values");
  }

  private static void manyPartitions(Kit kit) throws Exception {
    String topic = kit.topic(40);
    var producer = kit.producer("linger.ms", "20");
    for (int number = 0; number < 4000; number++) {
      producer.send(new ProducerRecord<>(topic, number % 40, null, Kit.bytes("" + number)));
    }
    producer.flush();
    var consumer = kit.consumer("fetch.max.bytes", "2000", "max.partition.fetch.bytes", "1000");
    consumer.assign(consumer.partitionsFor(topic).stream()
        .map(one -> new TopicPartition(topic, one.partition())).toList());
    var got = kit.take(consumer, 4000);
    Kit.same(Kit.values(got).stream().map(Integer::valueOf).sorted().map(String::valueOf).toList(),
        Kit.numbers(0, 4000), "values of all partitions");
  }
}
