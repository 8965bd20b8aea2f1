// A worker of the exactly-once loop: reads a topic, writes each value doubled to another, and commits what it wrote and
// how far it read in one transaction. Runs until it is killed: java ExactlyOnce <bootstrap> <source> <target>

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

public final class ExactlyOnce {
  public static void main(String[] args) {
    try (Kit kit = new Kit(args[0], "exactly-once")) {
      // Static membership: who comes back under its name gets its partitions at once.
      KafkaConsumer<byte[], byte[]> consumer = kit.consumer(
          "group.id", "doublers", "group.instance.id", "doubler", "enable.auto.commit", "false",
          "session.timeout.ms", "30000", "max.poll.records", "50", "isolation.level", "read_committed");
      KafkaProducer<byte[], byte[]> producer =
          kit.producer("transactional.id", "doubler", "transaction.timeout.ms", "10000");
      producer.initTransactions();
      consumer.subscribe(List.of(args[1]));
      while (true) step(consumer, producer, args[2]);
    } catch (Exception failed) {
      System.err.println(failed);
      Runtime.getRuntime().halt(1);
    }
  }

  private static void step(
      KafkaConsumer<byte[], byte[]> consumer, KafkaProducer<byte[], byte[]> producer, String target) {
    var records = consumer.poll(Duration.ofMillis(100));
    if (records.isEmpty()) return;
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    producer.beginTransaction();
    for (ConsumerRecord<byte[], byte[]> record : records) {
      String doubled = "" + 2 * Long.parseLong(Kit.text(record.value()));
      producer.send(new ProducerRecord<>(target, record.partition(), null, Kit.bytes(doubled)));
      offsets.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
    }
    producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
    producer.commitTransaction();
  }
}
