// Transactions: commit and abort, isolation of readers, offsets inside a transaction, fencing, time limits.

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TransactionalIdNotFoundException;

final class Transactions {
  static void scenarios(Map<String, Interop.Scenario> all) {
    all.put("transactions/commit-and-abort", Transactions::commitAndAbort);
    all.put("transactions/open", Transactions::open);
    all.put("transactions/interleaved", Transactions::interleaved);
    all.put("transactions/offsets", kit -> offsets(kit, "classic"));
    all.put("transactions/offsets-848", kit -> offsets(kit, "consumer"));
    all.put("transactions/stale-member", Transactions::staleMember);
    all.put("transactions/fencing", Transactions::fencing);
    all.put("transactions/fenced-by-admin", Transactions::fencedByAdmin);
    all.put("transactions/empty", Transactions::empty);
    all.put("transactions/timeout", Transactions::timeout);
    all.put("transactions/describe", Transactions::describe);
    all.put("transactions/compressed", Transactions::compressed);
  }

  private static KafkaProducer<byte[], byte[]> transactional(Kit kit, Object... settings) {
    Object[] all = new Object[settings.length + 2];
    System.arraycopy(settings, 0, all, 2, settings.length);
    all[0] = "transactional.id";
    all[1] = kit.unique;
    var producer = kit.producer(all);
    producer.initTransactions();
    kit.step = "initTransactions";
    return producer;
  }

  private static List<String> committed(Kit kit, TopicPartition of, int count) {
    return Kit.values(kit.read(of, count, "isolation.level", "read_committed"));
  }

  private static void commitAndAbort(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    var producer = transactional(kit);
    for (int round = 0; round < 10; round++) {
      producer.beginTransaction();
      kit.send(producer, to, round * 10, round * 10 + 10);
      if (round % 2 == 0) producer.commitTransaction();
      else producer.abortTransaction();
      kit.step = "transaction " + round;
    }
    producer.beginTransaction();
    kit.send(producer, to, 1000, 1001);
    producer.commitTransaction();
    List<String> expected = new ArrayList<>();
    for (int round = 0; round < 10; round += 2) expected.addAll(Kit.numbers(round * 10, round * 10 + 10));
    expected.add("1000");
    Kit.same(committed(kit, to, 51), expected, "read_committed");
    Kit.same(kit.read(to, 101).size(), 101, "read_uncommitted");
    // 11 markers take an offset each.
    Kit.same(kit.consumer().endOffsets(List.of(to)).get(to), 112L, "end");
  }

  private static void open(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    kit.send(kit.producer(), to, 0, 5);
    var producer = transactional(kit);
    producer.beginTransaction();
    kit.send(producer, to, 5, 10);
    kit.send(kit.producer(), to, 10, 15);
    var reader = kit.consumer("isolation.level", "read_committed");
    Kit.same(reader.endOffsets(List.of(to)).get(to), 5L, "the last stable offset");
    var listed = kit.admin().listOffsets(Map.of(to, OffsetSpec.latest()),
        new ListOffsetsOptions(IsolationLevel.READ_COMMITTED));
    Kit.same(Kit.get(listed.partitionResult(to)).offset(), 5L, "the last stable offset by admin");
    reader.assign(List.of(to));
    Kit.same(kit.take(reader, 5).size(), 5, "records before the transaction");
    Kit.check(reader.poll(Duration.ofMillis(1500)).isEmpty(), "nothing of the open transaction, nothing after it");
    Kit.same(kit.read(to, 15).size(), 15, "read_uncommitted sees all");
    producer.commitTransaction();
    Kit.same(Kit.values(kit.take(reader, 10)), Kit.numbers(5, 15), "after the commit");
  }

  private static void interleaved(Kit kit) throws Exception {
    String topic = kit.topic(2);
    var one = kit.producer("transactional.id", kit.unique + "-1");
    var two = kit.producer("transactional.id", kit.unique + "-2");
    one.initTransactions();
    two.initTransactions();
    TopicPartition[] to = {new TopicPartition(topic, 0), new TopicPartition(topic, 1)};
    for (int round = 0; round < 20; round++) {
      one.beginTransaction();
      two.beginTransaction();
      for (TopicPartition partition : to) {
        kit.send(one, partition, round * 10, round * 10 + 5);
        kit.send(two, partition, round * 10 + 5, round * 10 + 10);
      }
      if (round % 2 == 0) {
        one.commitTransaction();
        two.abortTransaction();
      } else {
        two.commitTransaction();
        one.abortTransaction();
      }
    }
    List<String> expected = new ArrayList<>();
    for (int round = 0; round < 20; round++) {
      int first = round * 10 + (round % 2 == 0 ? 0 : 5);
      expected.addAll(Kit.numbers(first, first + 5));
    }
    for (TopicPartition partition : to) Kit.same(committed(kit, partition, 100), expected, "committed in " + partition);
  }

  private static void offsets(Kit kit, String protocol) throws Exception {
    TopicPartition in = new TopicPartition(kit.topic("in", 1, Map.of()), 0);
    TopicPartition out = new TopicPartition(kit.topic("out", 1, Map.of()), 0);
    kit.send(kit.producer(), in, 0, 20);
    var producer = transactional(kit);
    var consumer = kit.consumer("group.id", kit.unique, "group.protocol", protocol, "enable.auto.commit", "false",
        "max.poll.records", "10");
    consumer.subscribe(List.of(in.topic()));
    var first = kit.take(consumer, 10);
    copy(producer, consumer, out, first);
    producer.commitTransaction();
    Kit.same(consumer.committed(Set.of(in)).get(in).offset(), 10L, "committed with the transaction");
    var second = kit.take(consumer, 10);
    copy(producer, consumer, out, second);
    producer.abortTransaction();
    Kit.same(consumer.committed(Set.of(in)).get(in).offset(), 10L, "not with an aborted one");
    consumer.seek(in, 10);
    copy(producer, consumer, out, kit.take(consumer, 10));
    producer.commitTransaction();
    Kit.same(consumer.committed(Set.of(in)).get(in).offset(), 20L, "committed at last");
    Kit.same(committed(kit, out, 20), Kit.numbers(0, 20), "every record once");
  }

  private static void copy(KafkaProducer<byte[], byte[]> producer, KafkaConsumer<byte[], byte[]> consumer,
      TopicPartition to, List<ConsumerRecord<byte[], byte[]>> records) {
    producer.beginTransaction();
    for (var record : records) producer.send(new ProducerRecord<>(to.topic(), 0, null, record.value()));
    var last = records.get(records.size() - 1);
    producer.sendOffsetsToTransaction(
        Map.of(new TopicPartition(last.topic(), last.partition()), new OffsetAndMetadata(last.offset() + 1)),
        consumer.groupMetadata());
  }

  private static void staleMember(Kit kit) throws Exception {
    TopicPartition in = new TopicPartition(kit.topic(1), 0);
    kit.send(kit.producer(), in, 0, 5);
    var consumer = kit.consumer("group.id", kit.unique, "enable.auto.commit", "false");
    consumer.subscribe(List.of(in.topic()));
    kit.take(consumer, 5);
    var now = consumer.groupMetadata();
    var stale = new ConsumerGroupMetadata(
        kit.unique, now.generationId() + 7, now.memberId(), Optional.empty());
    var producer = transactional(kit);
    producer.beginTransaction();
    kit.fails(() -> {
      producer.sendOffsetsToTransaction(Map.of(in, new OffsetAndMetadata(5)), stale);
      return null;
    }, CommitFailedException.class);
    producer.abortTransaction();
    Kit.check(consumer.committed(Set.of(in)).get(in) == null, "nothing was committed");
    producer.beginTransaction();
    producer.sendOffsetsToTransaction(Map.of(in, new OffsetAndMetadata(5)), now);
    producer.commitTransaction();
    Kit.same(consumer.committed(Set.of(in)).get(in).offset(), 5L, "the true member may");
  }

  private static void fencing(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    var zombie = transactional(kit);
    zombie.beginTransaction();
    kit.send(zombie, to, 0, 5);
    var heir = transactional(kit);
    kit.fails(() -> {
      kit.send(zombie, to, 5, 6);
      zombie.commitTransaction();
      return null;
    }, ProducerFencedException.class, InvalidProducerEpochException.class);
    heir.beginTransaction();
    kit.send(heir, to, 10, 15);
    heir.commitTransaction();
    Kit.same(committed(kit, to, 5), Kit.numbers(10, 15), "only the heir's records");
  }

  private static void fencedByAdmin(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    var producer = transactional(kit);
    producer.beginTransaction();
    kit.send(producer, to, 0, 5);
    Kit.get(kit.admin().fenceProducers(List.of(kit.unique)).all());
    kit.fails(() -> {
      producer.commitTransaction();
      return null;
    }, ProducerFencedException.class, InvalidProducerEpochException.class);
    kit.send(kit.producer(), to, 5, 6);
    Kit.same(committed(kit, to, 1), List.of("5"), "what was open is aborted");
  }

  private static void empty(Kit kit) throws Exception {
    var producer = transactional(kit);
    for (int round = 0; round < 3; round++) {
      producer.beginTransaction();
      if (round % 2 == 0) producer.commitTransaction();
      else producer.abortTransaction();
    }
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    producer.beginTransaction();
    kit.send(producer, to, 0, 1);
    producer.commitTransaction();
    Kit.same(committed(kit, to, 1), List.of("0"), "after empty transactions");
    var greedy = kit.producer("transactional.id", kit.unique + "-greedy", "transaction.timeout.ms", "2000000000",
        "delivery.timeout.ms", "2000000000");
    kit.fails(() -> {
      greedy.initTransactions();
      return null;
    }, KafkaException.class);
  }

  private static void timeout(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    var producer = transactional(kit, "transaction.timeout.ms", "1500");
    producer.beginTransaction();
    kit.send(producer, to, 0, 5);
    kit.send(kit.producer(), to, 5, 6);
    Kit.same(committed(kit, to, 1), List.of("5"), "the server aborted what took too long");
    kit.fails(() -> {
      producer.commitTransaction();
      return null;
    }, KafkaException.class);
  }

  private static void describe(Kit kit) throws Exception {
    var admin = kit.admin();
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    var producer = transactional(kit);
    producer.beginTransaction();
    kit.send(producer, to, 0, 5);
    var one = Kit.get(admin.describeTransactions(List.of(kit.unique)).description(kit.unique));
    Kit.same(one.state(), TransactionState.ONGOING, "state");
    Kit.same(one.topicPartitions(), Set.of(to), "partitions");
    Kit.check(one.transactionStartTimeMs().isPresent(), "start time");
    var listed = Kit.get(admin.listTransactions(new ListTransactionsOptions()
        .filterStates(Set.of(TransactionState.ONGOING))).all());
    Kit.check(listed.stream().anyMatch(each -> each.transactionalId().equals(kit.unique)), "listed");
    var active = Kit.get(admin.describeProducers(List.of(to)).partitionResult(to)).activeProducers().get(0);
    Kit.same(active.producerId(), one.producerId(), "producer id");
    Kit.same(active.currentTransactionStartOffset().getAsLong(), 0L, "start offset of the open transaction");
    producer.commitTransaction();
    kit.until("complete", () -> Kit.get(admin.describeTransactions(List.of(kit.unique)).description(kit.unique)).state()
        == TransactionState.COMPLETE_COMMIT);
    kit.fails(() -> Kit.get(admin.describeTransactions(List.of(kit.unique + "-none")).all()),
        TransactionalIdNotFoundException.class);
  }

  private static void compressed(Kit kit) throws Exception {
    TopicPartition to = new TopicPartition(kit.topic(1), 0);
    var producer = transactional(kit, "compression.type", "zstd", "batch.size", "1000");
    producer.beginTransaction();
    kit.send(producer, to, 0, 2000);
    producer.abortTransaction();
    producer.beginTransaction();
    kit.send(producer, to, 2000, 4000);
    producer.commitTransaction();
    Kit.same(committed(kit, to, 2000), Kit.numbers(2000, 4000), "committed");
  }
}
