// Share groups (KIP-932): members share the records of a partition, acknowledge each, and what one lets go of comes to
// another; and the admin client's side of them. What only a newer client has is left out with an older one.

import java.lang.reflect.Method;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidRecordStateException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

final class ShareGroups {
  static void scenarios(Map<String, Interop.Scenario> all) {
    all.put("share-groups/implicit", ShareGroups::implicit);
    all.put("share-groups/explicit", ShareGroups::explicit);
    all.put("share-groups/renew", ShareGroups::renew);
    all.put("share-groups/two-consumers", ShareGroups::twoConsumers);
    all.put("share-groups/four-partitions", ShareGroups::fourPartitions);
    all.put("share-groups/lock-timeout", ShareGroups::lockTimeout);
    all.put("share-groups/delivery-limit", ShareGroups::deliveryLimit);
    all.put("share-groups/close", ShareGroups::close);
    all.put("share-groups/batches", ShareGroups::batches);
    all.put("share-groups/committed", ShareGroups::committed);
    all.put("share-groups/admin", ShareGroups::admin);
    all.put("share-groups/configs", ShareGroups::configs);
  }

  private static KafkaShareConsumer<byte[], byte[]> consumer(Kit kit, String topic, Object... settings) {
    Map<String, Object> properties = new HashMap<>();
    properties.put("bootstrap.servers", kit.bootstrap);
    properties.put("group.id", kit.unique);
    properties.put("request.timeout.ms", "15000");
    properties.put("default.api.timeout.ms", "20000");
    for (int at = 0; at < settings.length; at += 2) properties.put((String) settings[at], settings[at + 1]);
    var consumer = kit.keep(
        new KafkaShareConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer()));
    consumer.subscribe(List.of(topic));
    return consumer;
  }

  private static KafkaShareConsumer<byte[], byte[]> explicitly(Kit kit, String topic) {
    return consumer(kit, topic, "share.acknowledgement.mode", "explicit");
  }

  /** Sets configs of the scenario's group; key, value, key, value. */
  static void configure(Kit kit, String... settings) throws Exception {
    List<AlterConfigOp> changes = new ArrayList<>();
    for (int at = 0; at < settings.length; at += 2) {
      var entry = new ConfigEntry(settings[at], settings[at + 1]);
      changes.add(new AlterConfigOp(entry, AlterConfigOp.OpType.SET));
    }
    Kit.get(kit.admin().incrementalAlterConfigs(Map.of(resource(kit), changes)).all());
    kit.step = "set configs of the group";
  }

  private static ConfigResource resource(Kit kit) {
    return new ConfigResource(ConfigResource.Type.GROUP, kit.unique);
  }

  private static String fromEarliest(Kit kit, int partitions, String... settings) throws Exception {
    String[] all = Arrays.copyOf(settings, settings.length + 2);
    all[settings.length] = "share.auto.offset.reset";
    all[settings.length + 1] = "earliest";
    configure(kit, all);
    return kit.topic(partitions);
  }

  /** Polls until so many records have come, at most 30 s; implicitly acknowledges all but the last poll's. */
  static List<ConsumerRecord<byte[], byte[]>> take(
      Kit kit, KafkaShareConsumer<byte[], byte[]> consumer, int count) throws Exception {
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    kit.until(count + " records", () -> {
      consumer.poll(Duration.ofMillis(200)).forEach(records::add);
      return records.size() >= count;
    });
    Kit.same(records.size(), count, "records");
    return records;
  }

  private static void nothingComes(KafkaShareConsumer<byte[], byte[]> consumer) {
    for (int turn = 0; turn < 5; turn++) {
      Kit.same(consumer.poll(Duration.ofMillis(200)).count(), 0, "records that should not come");
    }
  }

  private static void committed(Map<TopicIdPartition, Optional<KafkaException>> outcomes) {
    Kit.check(!outcomes.isEmpty(), "nothing was committed");
    outcomes.forEach((partition, error) -> Kit.check(error.isEmpty(), partition + ": " + error));
  }

  private static void send(Kit kit, String topic, int first, int end) throws Exception {
    var producer = kit.producer();
    kit.send(producer, new TopicPartition(topic, 0), first, end);
    producer.close();
  }

  /** Each record in a batch of its own. */
  private static void sendSingly(Kit kit, String topic, int partitions, int count) throws Exception {
    var producer = kit.producer("batch.size", "0");
    for (int number = 0; number < count; number++) {
      producer.send(new ProducerRecord<>(topic, number % partitions, null, Kit.bytes("" + number)));
    }
    producer.flush();
    producer.close();
  }

  private static List<Integer> deliveries(Collection<ConsumerRecord<byte[], byte[]>> records) {
    return records.stream().map(record -> record.deliveryCount().map(Short::intValue).orElse(-1)).toList();
  }

  /** Where the group starts in partition 0, as the admin client sees it; -1 when it has not begun. */
  private static long startOffset(Kit kit, String topic) throws Exception {
    var result = kit.admin().listShareGroupOffsets(Map.of(kit.unique, new ListShareGroupOffsetsSpec()));
    // The names of both methods have changed from client to client.
    var all = (KafkaFuture<?>) method(result, "partitionsToOffset.*").invoke(result, kit.unique);
    Object offset = ((Map<?, ?>) Kit.get(all)).get(new TopicPartition(topic, 0));
    return offset == null ? -1 : (long) method(offset, "offset|startOffset").invoke(offset);
  }

  private static Method method(Object object, String pattern) {
    return Arrays.stream(object.getClass().getMethods())
        .filter(one -> one.getName().matches(pattern)).findAny().orElseThrow();
  }

  private static void implicit(Kit kit) throws Exception {
    String topic = fromEarliest(kit, 1);
    send(kit, topic, 0, 100);
    var first = consumer(kit, topic);
    var records = take(kit, first, 100);
    Kit.same(Kit.values(records), Kit.numbers(0, 100), "values");
    Kit.check(deliveries(records).stream().allMatch(count -> count == 1), "delivered once each");
    send(kit, topic, 100, 150);
    // The poll acknowledges what came before.
    Kit.same(Kit.values(take(kit, first, 50)), Kit.numbers(100, 150), "later values");
    committed(first.commitSync());
    kit.until("all is settled", () -> startOffset(kit, topic) == 150);
    first.close();
    nothingComes(consumer(kit, topic));
  }

  private static void explicit(Kit kit) throws Exception {
    String topic = fromEarliest(kit, 1);
    send(kit, topic, 0, 30);
    var consumer = explicitly(kit, topic);
    var records = take(kit, consumer, 30);
    for (int at = 0; at < 30; at++) {
      AcknowledgeType type = at % 3 == 0 ? AcknowledgeType.ACCEPT
          : at % 3 == 1 ? AcknowledgeType.RELEASE : AcknowledgeType.REJECT;
      consumer.acknowledge(records.get(at), type);
    }
    committed(consumer.commitSync());
    var again = take(kit, consumer, 10);
    Kit.same(Kit.values(again), Kit.numbers(0, 30).stream().filter(one -> Integer.parseInt(one) % 3 == 1).toList(),
        "released values");
    Kit.check(deliveries(again).stream().allMatch(count -> count == 2), "delivered a second time");
    again.forEach(consumer::acknowledge);
    committed(consumer.commitSync());
    nothingComes(consumer);
    Kit.same(startOffset(kit, topic), 30L, "start offset");
  }

  private static void renew(Kit kit) throws Exception {
    var renewing = Arrays.stream(AcknowledgeType.values()).filter(type -> type.name().equals("RENEW")).findAny();
    if (renewing.isEmpty()) return;
    String topic = fromEarliest(kit, 1, "share.record.lock.duration.ms", "4000");
    send(kit, topic, 0, 2);
    var holder = explicitly(kit, topic);
    var records = take(kit, holder, 2);
    long lapsesAt = System.nanoTime() + 4_000_000_000L;
    Thread.sleep(2000);
    holder.acknowledge(records.get(0), renewing.get());
    holder.acknowledge(records.get(1), AcknowledgeType.ACCEPT);
    committed(holder.commitSync());
    // Past the first lock, within the second.
    var other = explicitly(kit, topic);
    while (System.nanoTime() < lapsesAt + 500_000_000L) {
      Kit.same(other.poll(Duration.ofMillis(100)).count(), 0, "records while the lock is renewed");
    }
    // A poll gives a renewed record back, of the same delivery.
    var renewed = take(kit, holder, 1);
    Kit.same(Kit.values(renewed), List.of("0"), "renewed values");
    Kit.same(deliveries(renewed), List.of(1), "deliveries of a renewed record");
    renewed.forEach(holder::acknowledge);
    committed(holder.commitSync());
    Kit.same(startOffset(kit, topic), 2L, "start offset");
  }

  /** A share consumer polled by a thread of its own. */
  private static final class Member {
    final ConcurrentLinkedQueue<String> seen = new ConcurrentLinkedQueue<>();
    final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean stop = false;

    Member(KafkaShareConsumer<byte[], byte[]> consumer) {
      new Thread(() -> {
        try (consumer) {
          while (!stop) {
            for (var record : consumer.poll(Duration.ofMillis(100))) seen.add(Kit.text(record.value()));
          }
        } catch (Throwable thrown) {
          failure.set(thrown);
        } finally {
          ended.countDown();
        }
      }).start();
    }

    int count() {
      if (failure.get() != null) throw new IllegalStateException("a member failed", failure.get());
      return seen.size();
    }

    void end() throws Exception {
      stop = true;
      ended.await();
      count();
    }
  }

  private static void twoConsumers(Kit kit) throws Exception {
    share(kit, 1);
  }

  private static void fourPartitions(Kit kit) throws Exception {
    share(kit, 4);
  }

  private static void share(Kit kit, int partitions) throws Exception {
    String topic = fromEarliest(kit, partitions);
    List<Member> members = new ArrayList<>();
    for (int at = 0; at < 2; at++) {
      members.add(new Member(consumer(kit, topic, "max.poll.records", "20")));
    }
    kit.until("both are members", () -> memberCount(kit) == 2);
    sendSingly(kit, topic, partitions, 1000);
    kit.until("all is read", () -> members.get(0).count() + members.get(1).count() >= 1000);
    for (Member member : members) member.end();
    Set<String> values = new HashSet<>(members.get(0).seen);
    values.addAll(members.get(1).seen);
    Kit.same(values.size(), 1000, "different values");
    Kit.same(members.get(0).count() + members.get(1).count(), 1000, "reads (every record once)");
    Kit.check(members.get(0).count() > 0 && members.get(1).count() > 0, "both read something");
  }

  private static int memberCount(Kit kit) throws Exception {
    try {
      return Kit.get(kit.admin().describeShareGroups(List.of(kit.unique)).describedGroups().get(kit.unique))
          .members().size();
    } catch (GroupIdNotFoundException none) {
      return 0;
    }
  }

  private static void lockTimeout(Kit kit) throws Exception {
    String topic = fromEarliest(kit, 1, "share.record.lock.duration.ms", "1500");
    send(kit, topic, 0, 10);
    var slow = explicitly(kit, topic);
    var held = take(kit, slow, 10);
    var other = explicitly(kit, topic);
    var again = take(kit, other, 10);
    Kit.same(Kit.values(again), Kit.values(held), "values");
    Kit.check(deliveries(again).stream().allMatch(count -> count == 2), "delivered a second time");
    held.forEach(slow::acknowledge);
    slow.commitSync().forEach((partition, error) ->
        Kit.check(error.orElse(null) instanceof InvalidRecordStateException, "late acknowledgements: " + error));
    again.forEach(other::acknowledge);
    committed(other.commitSync());
    Kit.same(startOffset(kit, topic), 10L, "start offset");
  }

  private static void deliveryLimit(Kit kit) throws Exception {
    String topic = fromEarliest(kit, 1);
    send(kit, topic, 0, 3);
    var consumer = explicitly(kit, topic);
    for (int delivery = 1; delivery <= 5; delivery++) {
      var records = take(kit, consumer, 3);
      Kit.same(new HashSet<>(deliveries(records)), Set.of(delivery), "deliveries");
      for (var record : records) consumer.acknowledge(record, AcknowledgeType.RELEASE);
      committed(consumer.commitSync());
    }
    nothingComes(consumer);
    Kit.same(startOffset(kit, topic), 3L, "start offset");
  }

  private static void close(Kit kit) throws Exception {
    String topic = fromEarliest(kit, 1);
    send(kit, topic, 0, 10);
    var first = explicitly(kit, topic);
    var held = take(kit, first, 10);
    held.subList(0, 4).forEach(first::acknowledge);
    first.close();
    var second = explicitly(kit, topic);
    var again = take(kit, second, 6);
    Kit.same(Kit.values(again), Kit.numbers(4, 10), "what was not acknowledged");
    Kit.check(deliveries(again).stream().allMatch(count -> count == 2), "delivered a second time");
    again.forEach(second::acknowledge);
    committed(second.commitSync());
  }

  private static void batches(Kit kit) throws Exception {
    String topic = fromEarliest(kit, 1);
    int sent = 0;
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      var producer = kit.producer("compression.type", codec, "linger.ms", "50", "batch.size", "100000");
      kit.send(producer, new TopicPartition(topic, 0), sent, sent + 700);
      producer.close();
      sent += 700;
    }
    // Fewer than a batch holds.
    var consumer = consumer(kit, topic, "max.poll.records", "100");
    var records = take(kit, consumer, sent);
    Kit.same(Kit.values(records), Kit.numbers(0, sent), "values in order");
    Kit.check(deliveries(records).stream().allMatch(count -> count == 1), "delivered once each");
  }

  private static void committed(Kit kit) throws Exception {
    String topic = fromEarliest(kit, 1, "share.isolation.level", "read_committed");
    KafkaProducer<byte[], byte[]> producer = kit.producer("transactional.id", kit.unique);
    producer.initTransactions();
    List<String> expected = new ArrayList<>();
    for (int turn = 0; turn < 6; turn++) {
      producer.beginTransaction();
      for (int number = 0; number < 5; number++) {
        String value = turn + "-" + number;
        producer.send(new ProducerRecord<>(topic, 0, null, Kit.bytes(value)));
        if (turn % 2 == 0) expected.add(value);
      }
      producer.flush();
      if (turn % 2 == 0) producer.commitTransaction();
      else producer.abortTransaction();
    }
    var consumer = consumer(kit, topic);
    Kit.same(Kit.values(take(kit, consumer, expected.size())), expected, "committed values");
    consumer.commitSync();
    nothingComes(consumer);
  }

  private static void admin(Kit kit) throws Exception {
    String topic = fromEarliest(kit, 2);
    send(kit, topic, 0, 10);
    var consumer = consumer(kit, topic);
    take(kit, consumer, 10);
    committed(consumer.commitSync());
    var admin = kit.admin();
    var listed = Kit.get(admin.listGroups(new ListGroupsOptions().withTypes(Set.of(GroupType.SHARE))).all());
    var own = listed.stream().filter(one -> one.groupId().equals(kit.unique)).findAny().orElseThrow();
    Kit.same(own.type(), Optional.of(GroupType.SHARE), "type");
    Kit.same(own.protocol(), "share", "protocol");
    Kit.same(own.groupState(), Optional.of(GroupState.STABLE), "state");
    var described = Kit.get(
        admin.describeShareGroups(List.of(kit.unique)).describedGroups().get(kit.unique));
    Kit.same(described.groupState(), GroupState.STABLE, "described state");
    Kit.same(described.members().size(), 1, "members");
    Kit.same(new TreeSet<>(described.members().iterator().next().assignment().topicPartitions().stream()
        .map(TopicPartition::partition).toList()), new TreeSet<>(Set.of(0, 1)), "assigned partitions");
    Kit.same(startOffset(kit, topic), 10L, "start offset");
    TopicPartition first = new TopicPartition(topic, 0);
    kit.fails(() -> Kit.get(admin.alterShareGroupOffsets(kit.unique, Map.of(first, 4L)).all()),
        GroupNotEmptyException.class);
    kit.fails(() -> Kit.get(admin.deleteShareGroups(List.of(kit.unique)).all()), GroupNotEmptyException.class);
    consumer.close();
    kit.until("the group is empty", () -> memberCount(kit) == 0);
    Kit.get(admin.alterShareGroupOffsets(kit.unique, Map.of(first, 4L)).all());
    Kit.same(startOffset(kit, topic), 4L, "altered start offset");
    var again = consumer(kit, topic);
    Kit.same(Kit.values(take(kit, again, 6)), Kit.numbers(4, 10), "values from there");
    again.close();
    kit.until("the group is empty again", () -> memberCount(kit) == 0);
    Kit.get(admin.deleteShareGroupOffsets(kit.unique, Set.of(topic)).all());
    Kit.same(startOffset(kit, topic), -1L, "start offset when deleted");
    kit.fails(() -> Kit.get(admin.deleteShareGroupOffsets(kit.unique, Set.of("none")).all()),
        UnknownTopicOrPartitionException.class);
    Kit.get(admin.deleteShareGroups(List.of(kit.unique)).all());
    kit.fails(() -> Kit.get(admin.deleteShareGroups(List.of(kit.unique)).all()), GroupIdNotFoundException.class);
    kit.fails(() -> Kit.get(admin.describeShareGroups(List.of(kit.unique)).all()), GroupIdNotFoundException.class);
  }

  private static void configs(Kit kit) throws Exception {
    configure(kit, "share.record.lock.duration.ms", "20000");
    var configs = Kit.get(kit.admin().describeConfigs(List.of(resource(kit))).all()).get(resource(kit));
    Kit.same(configs.get("share.record.lock.duration.ms").value(), "20000", "set");
    Kit.same(configs.get("share.record.lock.duration.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_GROUP_CONFIG,
        "source of what is set");
    Kit.same(configs.get("share.auto.offset.reset").value(), "latest", "default");
    Kit.same(configs.get("share.auto.offset.reset").source(), ConfigEntry.ConfigSource.DEFAULT_CONFIG,
        "source of a default");
    kit.fails(() -> {
      configure(kit, "share.auto.offset.reset", "nowhere");
      return null;
    }, InvalidConfigurationException.class);
    String topic = kit.topic(1);
    send(kit, topic, 0, 5);
    var consumer = consumer(kit, topic);
    // By default a group begins at the end: what comes after it has begun.
    kit.until("the group has begun", () -> {
      Kit.same(consumer.poll(Duration.ofMillis(200)).count(), 0, "records before the group");
      return startOffset(kit, topic) == 5;
    });
    send(kit, topic, 5, 8);
    Kit.same(Kit.values(take(kit, consumer, 3)), Kit.numbers(5, 8), "values after it");
  }
}
