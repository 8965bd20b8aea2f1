// What every scenario needs: clients with short time limits, topics of its own, checks, and waiting for something.

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

final class Kit implements AutoCloseable {
  final String bootstrap;
  /** Part of every name, so that scenarios do not meet. */
  final String unique;
  /** What the scenario did last, for failure messages. */
  volatile String step = "start";
  private final List<AutoCloseable> open = new ArrayList<>();
  private Admin admin;

  Kit(String bootstrap, String scenario) {
    this.bootstrap = bootstrap;
    this.unique = scenario.replaceAll("[^a-z0-9]+", "-") + "-" + UUID.randomUUID().toString().substring(0, 6);
  }

  synchronized Admin admin() {
    if (admin == null) {
      admin = keep(Admin.create(Map.of(
          "bootstrap.servers", bootstrap, "request.timeout.ms", "15000", "default.api.timeout.ms", "20000")));
    }
    return admin;
  }

  String topic(int partitions) throws Exception {
    return topic("topic", partitions, Map.of());
  }

  String topic(String name, int partitions, Map<String, String> configs) throws Exception {
    String topic = unique + "-" + name;
    NewTopic wanted = new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(configs);
    get(admin().createTopics(List.of(wanted)).all());
    step = "created " + topic;
    return topic;
  }

  /** A producer of bytes; settings as key, value, key, value. */
  KafkaProducer<byte[], byte[]> producer(Object... settings) {
    Map<String, Object> properties = properties(settings);
    properties.putIfAbsent("request.timeout.ms", "15000");
    properties.putIfAbsent("delivery.timeout.ms", "20000");
    properties.putIfAbsent("max.block.ms", "20000");
    return keep(new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer()));
  }

  /** A consumer of bytes that begins at the first record. */
  KafkaConsumer<byte[], byte[]> consumer(Object... settings) {
    Map<String, Object> properties = properties(settings);
    properties.putIfAbsent("auto.offset.reset", "earliest");
    properties.putIfAbsent("request.timeout.ms", "15000");
    properties.putIfAbsent("default.api.timeout.ms", "20000");
    return keep(new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer()));
  }

  private Map<String, Object> properties(Object... settings) {
    Map<String, Object> properties = new HashMap<>();
    properties.put("bootstrap.servers", bootstrap);
    for (int at = 0; at < settings.length; at += 2) properties.put((String) settings[at], settings[at + 1]);
    return properties;
  }

  /** Reads `count` records of a partition from its beginning, without a group. */
  List<ConsumerRecord<byte[], byte[]>> read(TopicPartition partition, int count, Object... settings) {
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(settings)) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      return take(consumer, count);
    }
  }

  List<ConsumerRecord<byte[], byte[]>> take(KafkaConsumer<byte[], byte[]> consumer, int count) {
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (records.size() < count) {
      check(System.nanoTime() < deadline, "read " + records.size() + " of " + count + " records in 30 s");
      consumer.poll(Duration.ofMillis(200)).forEach(records::add);
      step = "read " + records.size() + " of " + count;
    }
    return records;
  }

  /** Sends text records `from` to `to` (exclusive) with the number as value, and waits for all. */
  List<RecordMetadata> send(KafkaProducer<byte[], byte[]> producer, TopicPartition to, int first, int end)
      throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (int number = first; number < end; number++) {
      sent.add(producer.send(new ProducerRecord<>(to.topic(), to.partition(), null, bytes("" + number))));
    }
    producer.flush();
    List<RecordMetadata> answers = new ArrayList<>();
    for (var each : sent) answers.add(each.get());
    step = "sent " + first + " to " + end;
    return answers;
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] bytes) {
    return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
  }

  static List<String> values(Collection<ConsumerRecord<byte[], byte[]>> records) {
    return records.stream().map(record -> text(record.value())).toList();
  }

  static List<String> numbers(int first, int end) {
    List<String> all = new ArrayList<>();
    for (int number = first; number < end; number++) all.add("" + number);
    return all;
  }

  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  static void same(Object got, Object expected, String what) {
    check(Objects.equals(got, expected), what + ": got " + shorten(got) + ", expected " + shorten(expected));
  }

  private static String shorten(Object value) {
    String text = String.valueOf(value);
    return text.length() > 300 ? text.substring(0, 300) + "..." : text;
  }

  /** The result, or the exception itself instead of its wrapper. */
  static <T> T get(KafkaFuture<T> future) throws Exception {
    try {
      return future.get();
    } catch (ExecutionException wrapped) {
      if (wrapped.getCause() instanceof Exception cause) throw cause;
      throw wrapped;
    }
  }

  /** Checks that something fails with an exception of one of these classes. */
  @SafeVarargs
  final void fails(Callable<?> work, Class<? extends Throwable>... expected) {
    try {
      work.call();
    } catch (Throwable thrown) {
      Throwable cause = thrown instanceof ExecutionException ? thrown.getCause() : thrown;
      for (Class<? extends Throwable> one : expected) if (one.isInstance(cause)) return;
      throw new AssertionError("expected " + expected[0].getSimpleName() + ", got " + cause, cause);
    }
    throw new AssertionError("expected " + expected[0].getSimpleName() + ", but it worked");
  }

  /** Repeats until it holds; at most 30 s. */
  void until(String what, Callable<Boolean> holds) throws Exception {
    step = "waiting for " + what;
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (!holds.call()) {
      check(System.nanoTime() < deadline, "not within 30 s: " + what);
      Thread.sleep(50);
    }
    step = what;
  }

  synchronized <T extends AutoCloseable> T keep(T closeable) {
    open.add(closeable);
    return closeable;
  }

  @Override
  public synchronized void close() {
    for (int at = open.size() - 1; at >= 0; at--) {
      try {
        if (open.get(at) instanceof KafkaProducer<?, ?> producer) producer.close(Duration.ofSeconds(2));
        else open.get(at).close();
      } catch (Exception ignored) {
        // The scenario has its result; a client that was fenced may complain here.
      }
    }
  }
}
