// Offsets: beginning, end, by time, committed, reset, altered by an administrator.

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownMemberIdException;

final class Offsets {
  private static final long TIME = 1_700_000_000_000L;

  static void scenarios(Map<String, Interop.Scenario> all) {
    all.put("offsets/by-consumer", Offsets::byConsumer);
    all.put("offsets/by-admin", Offsets::byAdmin);
    all.put("offsets/commit", Offsets::commit);
    all.put("offsets/reset", Offsets::reset);
    all.put("offsets/alter-and-delete", Offsets::alterAndDelete);
  }

  /** A partition whose records 0 to 99 have times a second apart. */
  private static TopicPartition timed(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(2), 0);
    var producer = kit.producer("batch.size", "300");
    for (int at = 0; at < 100; at++) {
      producer.send(new ProducerRecord<>(to.topic(), 0, TIME + at * 1000L, null, Kit.bytes("" + at)));
    }
    producer.flush();
    return to;
  }

  private static void byConsumer(Kit kit) throws Exception {
    TopicPartition to = timed(kit);
    TopicPartition empty = new TopicPartition(to.topic(), 1);
    var consumer = kit.consumer();
    Kit.same(consumer.beginningOffsets(List.of(to, empty)), Map.of(to, 0L, empty, 0L), "beginning");
    Kit.same(consumer.endOffsets(List.of(to, empty)), Map.of(to, 100L, empty, 0L), "end");
    var found = consumer.offsetsForTimes(Map.of(to, TIME + 41_500, empty, TIME));
    Kit.same(found.get(to).offset(), 42L, "first record at or after a time");
    Kit.same(found.get(to).timestamp(), TIME + 42_000, "its time");
    Kit.check(found.get(empty) == null, "nothing in an empty partition");
    Kit.check(consumer.offsetsForTimes(Map.of(to, TIME + 1_000_000)).get(to) == null, "nothing after the last");
  }

  private static void byAdmin(Kit kit) throws Exception {
    TopicPartition to = timed(kit);
    kit.producer().send(new ProducerRecord<>(to.topic(), 0, TIME + 5000, null, Kit.bytes("older"))).get();
    Kit.same(offset(kit, to, OffsetSpec.earliest()).offset(), 0L, "earliest");
    Kit.same(offset(kit, to, OffsetSpec.latest()).offset(), 101L, "latest");
    Kit.same(offset(kit, to, OffsetSpec.forTimestamp(TIME + 7000)).offset(), 7L, "by time");
    Kit.same(offset(kit, to, OffsetSpec.maxTimestamp()).offset(), 99L, "offset of the largest time");
    Kit.same(offset(kit, to, OffsetSpec.maxTimestamp()).timestamp(), TIME + 99_000, "largest time");
  }

  private static ListOffsetsResultInfo offset(Kit kit, TopicPartition of, OffsetSpec spec) throws Exception {
    return Kit.get(kit.admin().listOffsets(Map.of(of, spec)).partitionResult(of));
  }

  private static void commit(Kit kit) throws Exception {
    TopicPartition to = timed(kit);
    String group = kit.unique;
    for (String protocol : List.of("classic", "consumer")) {
      var consumer = kit.consumer("group.id", group, "group.protocol", protocol, "enable.auto.commit", "false");
      Kit.check(consumer.committed(Set.of(to)).get(to) == null || protocol.equals("consumer"), "nothing yet");
      consumer.assign(List.of(to));
      consumer.commitSync(Map.of(to, new OffsetAndMetadata(17, "page 3 ž")));
      var read = consumer.committed(Set.of(to)).get(to);
      Kit.same(read.offset(), 17L, "committed with " + protocol);
      Kit.same(read.metadata(), "page 3 ž", "metadata");
      consumer.close();
      var again = kit.consumer("group.id", group, "group.protocol", protocol);
      again.assign(List.of(to));
      Kit.same(kit.take(again, 1).get(0).offset(), 17L, "goes on where it was");
      again.close();
    }
    var subscribed = kit.consumer("group.id", group + "-2", "enable.auto.commit", "true",
        "auto.commit.interval.ms", "100");
    subscribed.subscribe(List.of(to.topic()));
    kit.take(subscribed, 100);
    kit.until("automatic commit", () -> {
      subscribed.poll(Duration.ofMillis(100));
      var committed = subscribed.committed(Set.of(to)).get(to);
      return committed != null && committed.offset() == 100;
    });
  }

  private static void reset(Kit kit) throws Exception {
    TopicPartition to = timed(kit);
    for (String protocol : List.of("classic", "consumer")) {
      String[] base = {"group.id", kit.unique + protocol, "group.protocol", protocol};
      var none = kit.consumer(base[0], base[1], base[2], base[3], "auto.offset.reset", "none");
      none.assign(List.of(to));
      kit.fails(() -> none.poll(Duration.ofSeconds(10)), NoOffsetForPartitionException.class);
      none.seek(to, 1000);
      kit.fails(() -> {
        for (int turn = 0; turn < 20; turn++) none.poll(Duration.ofMillis(500));
        return null;
      }, OffsetOutOfRangeException.class);
      var latest = kit.consumer(base[0], base[1], base[2], base[3], "auto.offset.reset", "latest");
      latest.assign(List.of(to));
      Kit.same(latest.position(to), 100L, "latest");
      var byDuration = kit.consumer(base[0], base[1], base[2], base[3], "auto.offset.reset", "by_duration:P20000D");
      byDuration.assign(List.of(to));
      Kit.same(byDuration.position(to), 0L, "every record is younger");
      none.close();
      latest.close();
      byDuration.close();
    }
    Kit.get(kit.admin().deleteRecords(Map.of(to, RecordsToDelete.beforeOffset(60))).all());
    var early = kit.consumer("group.id", kit.unique + "-early");
    early.assign(List.of(to));
    early.seek(to, 10);
    Kit.same(kit.take(early, 1).get(0).offset(), 60L, "out of range goes to the first record");
    Kit.same(early.beginningOffsets(List.of(to)).get(to), 60L, "beginning after deletion");
  }

  private static void alterAndDelete(Kit kit) throws Exception {
    TopicPartition to = timed(kit);
    TopicPartition other = new TopicPartition(to.topic(), 1);
    String group = kit.unique;
    var admin = kit.admin();
    Kit.get(admin.alterConsumerGroupOffsets(group,
        Map.of(to, new OffsetAndMetadata(5), other, new OffsetAndMetadata(0))).all());
    var listed = Kit.get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
    Kit.same(listed.get(to).offset(), 5L, "altered");
    Kit.same(listed.size(), 2, "both partitions");
    Kit.get(admin.deleteConsumerGroupOffsets(group, Set.of(other)).all());
    listed = Kit.get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
    Kit.same(listed.keySet(), Set.of(to), "one is left");
    var consumer = kit.consumer("group.id", group);
    consumer.subscribe(List.of(to.topic()));
    Kit.same(kit.take(consumer, 1).get(0).offset(), 5L, "read from the altered offset");
    kit.fails(() -> Kit.get(admin.alterConsumerGroupOffsets(group, Map.of(to, new OffsetAndMetadata(1))).all()),
        UnknownMemberIdException.class);
    consumer.close();
    Kit.get(admin.deleteConsumerGroups(List.of(group)).all());
    Kit.check(Kit.get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).isEmpty(), "all gone");
  }
}
