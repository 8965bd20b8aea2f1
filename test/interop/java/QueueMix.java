// One queue, two doors: a share consumer and a receiver over HTTP share its records.
//   java QueueMix <bootstrap> <url>

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public final class QueueMix {
  private static final Pattern RECEIPT = Pattern.compile("\"receipt\":\"([^\"]+)\"");
  private static final Pattern OFFSET = Pattern.compile("\"offset\":(\\d+)");
  private static final Pattern DELIVERIES = Pattern.compile("\"deliveries\":(\\d+)");

  private final Kit kit;
  private final String url;
  private final HttpClient http = HttpClient.newHttpClient();
  private String queue;

  private QueueMix(Kit kit, String url) {
    this.kit = kit;
    this.url = url;
  }

  public static void main(String[] args) throws Exception {
    try (Kit kit = new Kit(args[0], "queue-mix")) {
      QueueMix mix = new QueueMix(kit, args[1]);
      mix.begin();
      mix.share(600);
      mix.fromDoorToDoor();
      System.out.println("ok");
    } catch (Throwable thrown) {
      thrown.printStackTrace(System.out);
    }
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private void begin() throws Exception {
    queue = kit.topic(1);
    call("PUT", "", "{\"topic\":\"" + queue + "\"}");
  }

  private String call(String method, String path, String body) throws Exception {
    HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/v1/queues/" + queue + path))
        .header("content-type", "application/json")
        .timeout(Duration.ofSeconds(30))
        .method(method, HttpRequest.BodyPublishers.ofString(body))
        .build();
    HttpResponse<String> reply = http.send(request, HttpResponse.BodyHandlers.ofString());
    Kit.check(reply.statusCode() < 300, method + " " + path + ": " + reply.statusCode() + " " + reply.body());
    return reply.body();
  }

  private KafkaShareConsumer<byte[], byte[]> consumer(String mode) {
    Map<String, Object> properties = Map.of("bootstrap.servers", kit.bootstrap, "group.id", queue,
        "share.acknowledgement.mode", mode, "max.poll.records", "20");
    var consumer = kit.keep(
        new KafkaShareConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer()));
    consumer.subscribe(List.of(queue));
    return consumer;
  }

  private static List<String> all(Pattern pattern, String text) {
    return pattern.matcher(text).results().map(found -> found.group(1)).toList();
  }

  private void settle(String answer, List<String> receipts) throws Exception {
    String list = receipts.stream().map(receipt -> answer.equals("ack")
        ? "\"" + receipt + "\"" : "{\"receipt\":\"" + receipt + "\",\"delayMs\":0}")
        .collect(Collectors.joining(",", "[", "]"));
    String results = call("POST", "/settle", "{\"" + answer + "\":" + list + "}");
    Kit.check(!results.contains("\"ok\":false"), answer + ": " + results);
  }

  private void produce(int count) {
    // Each record in a batch of its own, or one member would get many at once.
    var producer = kit.producer("batch.size", "0");
    for (int number = 0; number < count; number++) {
      producer.send(new ProducerRecord<>(queue, 0, null, Kit.bytes("" + number)));
    }
    producer.flush();
    producer.close();
  }

  /** Every record goes to one of the two, once. */
  private void share(int count) throws Exception {
    ConcurrentLinkedQueue<String> overKafka = new ConcurrentLinkedQueue<>();
    ConcurrentLinkedQueue<String> overHttp = new ConcurrentLinkedQueue<>();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    boolean[] stop = {false};
    Thread reader = new Thread(() -> {
      try (var consumer = consumer("implicit")) {
        while (!stop[0]) {
          for (var record : consumer.poll(Duration.ofMillis(100))) overKafka.add("" + record.offset());
          Thread.sleep(5);
        }
      } catch (Throwable thrown) {
        failure.set(thrown);
      }
    });
    Thread receiver = new Thread(() -> {
      try {
        while (!stop[0]) {
          String messages = call("POST", "/receive", "{\"max\":20,\"waitMs\":200}");
          overHttp.addAll(all(OFFSET, messages));
          List<String> receipts = all(RECEIPT, messages);
          if (!receipts.isEmpty()) settle("ack", receipts);
        }
      } catch (Throwable thrown) {
        failure.set(thrown);
      }
    });
    reader.start();
    receiver.start();
    kit.until("the share consumer is a member", () -> {
      var described = kit.admin().describeShareGroups(List.of(queue)).describedGroups().get(queue);
      return Kit.get(described).members().size() == 1;
    });
    produce(count);
    kit.until("all is read", () -> {
      if (failure.get() != null) throw new IllegalStateException("a reader failed", failure.get());
      return overKafka.size() + overHttp.size() >= count;
    });
    stop[0] = true;
    reader.join();
    receiver.join();
    Set<String> offsets = new HashSet<>(overKafka);
    offsets.addAll(overHttp);
    Kit.same(offsets.size(), count, "different records");
    Kit.same(overKafka.size() + overHttp.size(), count, "reads (every record once)");
    Kit.check(!overKafka.isEmpty() && !overHttp.isEmpty(),
        "both read something: " + overKafka.size() + " and " + overHttp.size());
  }

  /** What one door lets go of comes to the other, counted as one delivery more. */
  private void fromDoorToDoor() throws Exception {
    // A fetch of the consumer before may still wait, for half a second at the most, and would have the record first.
    Thread.sleep(1500);
    produce(1);
    String first = call("POST", "/receive", "{\"max\":1,\"waitMs\":10000}");
    Kit.same(all(DELIVERIES, first), List.of("1"), "deliveries over HTTP");
    settle("nack", all(RECEIPT, first));
    var consumer = consumer("explicit");
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    kit.until("the share consumer gets it", () -> {
      consumer.poll(Duration.ofMillis(200)).forEach(records::add);
      return !records.isEmpty();
    });
    Kit.same(records.get(0).deliveryCount().map(Short::intValue).orElse(-1), 2, "deliveries over Kafka");
    consumer.acknowledge(records.get(0), AcknowledgeType.RELEASE);
    consumer.commitSync();
    consumer.close();
    String last = call("POST", "/receive", "{\"max\":1,\"waitMs\":10000}");
    Kit.same(all(DELIVERIES, last), List.of("3"), "deliveries over HTTP again");
    Kit.same(all(OFFSET, last), List.of("" + records.get(0).offset()), "the same record");
    settle("ack", all(RECEIPT, last));
  }
}
