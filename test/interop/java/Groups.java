// Consumer groups: two members share partitions, one leaves, everything is read once; classic protocol and KIP-848.

import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidRegularExpression;

final class Groups {
  private static final String COOPERATIVE = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";

  static void scenarios(Map<String, Interop.Scenario> all) {
    all.put("group-rebalance/two-members", kit -> twoMembers(kit, "group.protocol", "classic"));
    all.put("group-rebalance/cooperative", kit ->
        twoMembers(kit, "group.protocol", "classic", "partition.assignment.strategy", COOPERATIVE));
    all.put("group-rebalance/static-member", kit -> staticMember(kit, "classic"));
    all.put("group-rebalance/silent-member", Groups::silentMember);
    all.put("group-rebalance/pattern", Groups::pattern);
    all.put("group-rebalance-848/two-members", kit -> twoMembers(kit, "group.protocol", "consumer"));
    all.put("group-rebalance-848/range", kit ->
        twoMembers(kit, "group.protocol", "consumer", "group.remote.assignor", "range"));
    all.put("group-rebalance-848/static-member", kit -> staticMember(kit, "consumer"));
    all.put("group-rebalance-848/server-pattern", Groups::serverPattern);
    all.put("group-rebalance-848/from-classic", Groups::fromClassic);
  }

  interface Subscribing {
    void accept(KafkaConsumer<?, ?> consumer, ConsumerRebalanceListener listener);
  }

  /** A consumer polled by a thread of its own, as applications have it. */
  static final class Member implements AutoCloseable {
    final Set<TopicPartition> owned = ConcurrentHashMap.newKeySet();
    final Map<String, Integer> seen = new ConcurrentHashMap<>();
    final AtomicReference<Throwable> failure = new AtomicReference<>();
    final KafkaConsumer<byte[], byte[]> consumer;
    private final Thread thread;
    private volatile boolean stop = false;
    private final CountDownLatch ended = new CountDownLatch(1);

    Member(KafkaConsumer<byte[], byte[]> consumer, Subscribing subscribe) {
      this.consumer = consumer;
      thread = new Thread(() -> run(subscribe));
      thread.start();
    }

    private void run(Subscribing subscribe) {
      try {
        subscribe.accept(consumer, new ConsumerRebalanceListener() {
          @Override
          public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            owned.addAll(partitions);
          }

          @Override
          public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            owned.removeAll(partitions);
          }
        });
        while (!stop) {
          for (var record : consumer.poll(Duration.ofMillis(100))) {
            seen.merge(Kit.text(record.value()), 1, Integer::sum);
          }
        }
      } catch (Throwable thrown) {
        failure.set(thrown);
      } finally {
        ended.countDown();
      }
    }

    void rethrow() {
      if (failure.get() != null) throw new IllegalStateException("a member failed", failure.get());
    }

    /** Polls no more and says nothing, as a process that hangs. */
    void fallSilent() throws Exception {
      stop = true;
      ended.await();
    }

    @Override
    public void close() throws Exception {
      stop = true;
      ended.await();
      consumer.close();
    }
  }

  private static Member member(Kit kit, String topic, Object... settings) {
    return kit.keep(new Member(kit.consumer(settings), (consumer, listener) ->
        consumer.subscribe(List.of(topic), listener)));
  }

  private static void twoMembers(Kit kit, Object... settings) throws Exception {
    String topic = kit.topic(4);
    Object[] all = new Object[settings.length + 4];
    System.arraycopy(settings, 0, all, 0, settings.length);
    all[settings.length] = "group.id";
    all[settings.length + 1] = kit.unique;
    all[settings.length + 2] = "heartbeat.interval.ms";
    all[settings.length + 3] = "500";
    // A member of the new protocol takes this from the server.
    if (settings[1].equals("consumer")) all = Arrays.copyOf(all, settings.length + 2);
    var producer = kit.producer();
    Member first = member(kit, topic, all);
    kit.until("the first has all partitions", () -> holds(first, 4));
    produce(kit, topic, 0, 200);
    kit.until("the first read all", () -> first.seen.size() == 200);
    Member second = member(kit, topic, all);
    kit.until("both have two", () -> holds(first, 2) && holds(second, 2));
    Set<TopicPartition> union = new HashSet<>(first.owned);
    union.addAll(second.owned);
    Kit.same(union.size(), 4, "partitions of both");
    produce(kit, topic, 200, 400);
    kit.until("both read all", () -> first.seen.size() + second.seen.size() >= 400);
    second.close();
    kit.until("the first has all again", () -> holds(first, 4));
    produce(kit, topic, 400, 600);
    kit.until("the first read the rest", () -> first.seen.size() + second.seen.size() >= 600);
    Set<String> values = new HashSet<>(first.seen.keySet());
    values.addAll(second.seen.keySet());
    Kit.same(values.size(), 600, "different records");
    int reads = first.seen.values().stream().mapToInt(one -> one).sum()
        + second.seen.values().stream().mapToInt(one -> one).sum();
    Kit.same(reads, 600, "reads (every record once)");
    producer.close();
  }

  private static boolean holds(Member member, int partitions) {
    member.rethrow();
    return member.owned.size() == partitions;
  }

  private static void produce(Kit kit, String topic, int first, int end) throws Exception {
    var producer = kit.producer();
    for (int number = first; number < end; number++) {
      producer.send(new ProducerRecord<>(topic, number % 4, null, Kit.bytes("" + number)));
    }
    producer.flush();
    producer.close();
  }

  private static void staticMember(Kit kit, String protocol) throws Exception {
    String topic = kit.topic(4);
    String[] names = {"one", "two"};
    Member[] members = new Member[2];
    for (int at = 0; at < 2; at++) {
      members[at] = member(kit, topic, "group.id", kit.unique, "group.protocol", protocol,
          "group.instance.id", names[at]);
    }
    kit.until("both have two", () -> holds(members[0], 2) && holds(members[1], 2));
    Set<TopicPartition> before = new HashSet<>(members[1].owned);
    Set<TopicPartition> others = new HashSet<>(members[0].owned);
    members[1].close();
    Member again = member(kit, topic, "group.id", kit.unique, "group.protocol", protocol, "group.instance.id", "two");
    kit.until("the member is back", () -> holds(again, 2));
    Kit.same(again.owned, before, "the same partitions as before");
    Kit.same(members[0].owned, others, "nothing moved");
  }

  private static void silentMember(Kit kit) throws Exception {
    String topic = kit.topic(4);
    Object[] settings = {"group.id", kit.unique, "session.timeout.ms", "6000", "heartbeat.interval.ms", "500",
        "max.poll.interval.ms", "6000"};
    Member first = member(kit, topic, settings);
    Member second = member(kit, topic, settings);
    kit.until("both have two", () -> holds(first, 2) && holds(second, 2));
    second.fallSilent();
    kit.until("the silent one's partitions moved", () -> holds(first, 4));
  }

  private static void pattern(Kit kit) throws Exception {
    kit.topic("red-1", 2, Map.of());
    kit.topic("blue", 2, Map.of());
    Member member = kit.keep(new Member(kit.consumer("group.id", kit.unique, "metadata.max.age.ms", "1000"),
        (consumer, listener) -> consumer.subscribe(Pattern.compile(kit.unique + "-red-.*"), listener)));
    kit.until("the matching topic", () -> holds(member, 2));
    kit.topic("red-2", 3, Map.of());
    kit.until("a topic that came later", () -> holds(member, 5));
  }

  private static void serverPattern(Kit kit) throws Exception {
    kit.topic("red-1", 2, Map.of());
    kit.topic("blue", 2, Map.of());
    Member member = kit.keep(new Member(kit.consumer("group.id", kit.unique, "group.protocol", "consumer"),
        (consumer, listener) ->
            consumer.subscribe(new SubscriptionPattern(kit.unique + "-red-.*"), listener)));
    kit.until("the matching topic", () -> holds(member, 2));
    var invalid = kit.consumer("group.id", kit.unique + "-2", "group.protocol", "consumer");
    invalid.subscribe(new SubscriptionPattern("(unclosed"));
    kit.fails(() -> {
      for (int turn = 0; turn < 20; turn++) invalid.poll(Duration.ofMillis(500));
      return null;
    }, InvalidRegularExpression.class);
  }

  private static void fromClassic(Kit kit) throws Exception {
    String topic = kit.topic(4);
    produce(kit, topic, 0, 100);
    Member old = member(kit, topic, "group.id", kit.unique, "group.protocol", "classic");
    kit.until("the classic member read all", () -> old.seen.size() == 100);
    old.close();
    produce(kit, topic, 100, 200);
    Member young = member(kit, topic, "group.id", kit.unique, "group.protocol", "consumer");
    kit.until("the new member goes on", () -> young.seen.size() >= 100);
    Kit.check(!young.seen.containsKey("0"), "nothing twice");
    young.close();
    produce(kit, topic, 200, 300);
    Member back = member(kit, topic, "group.id", kit.unique, "group.protocol", "classic");
    kit.until("and back", () -> back.seen.size() >= 100);
    Kit.check(!back.seen.containsKey("100"), "nothing twice on the way back");
  }
}
