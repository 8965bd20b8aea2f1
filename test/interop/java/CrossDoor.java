// What the tests across doors ask of the Java client:
//   java CrossDoor <bootstrap> copy <source> <target> <count>   each record with partition, key, value, headers, time
//   java CrossDoor <bootstrap> keys <topic> <count>             records with the keys key-0, key-1, ...; its own partitions

import java.util.List;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

public final class CrossDoor {
  public static void main(String[] args) throws Exception {
    try (Kit kit = new Kit(args[0], "cross-door")) {
      if (args[1].equals("copy")) copy(kit, args[2], args[3], Integer.parseInt(args[4]));
      else keys(kit, args[2], Integer.parseInt(args[3]));
      System.out.println("ok " + args[1]);
    }
  }

  private static void copy(Kit kit, String source, String target, int count) throws Exception {
    KafkaConsumer<byte[], byte[]> consumer = kit.consumer();
    List<TopicPartition> partitions = consumer.partitionsFor(source).stream()
        .map(info -> new TopicPartition(source, info.partition()))
        .toList();
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    KafkaProducer<byte[], byte[]> producer = kit.producer("max.request.size", "2000000");
    for (var record : kit.take(consumer, count)) {
      producer.send(new ProducerRecord<>(
          target, record.partition(), record.timestamp(), record.key(), record.value(), record.headers()));
    }
    producer.close();
  }

  private static void keys(Kit kit, String topic, int count) {
    KafkaProducer<byte[], byte[]> producer = kit.producer();
    for (int number = 0; number < count; number++) {
      producer.send(new ProducerRecord<>(topic, Kit.bytes("key-" + number), Kit.bytes("")));
    }
    producer.close();
  }
}
