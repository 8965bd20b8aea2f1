// Administration: topics, configs, partitions, records, groups, directories, the cluster, and refusals by name.

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.SecurityDisabledException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.errors.UnsupportedVersionException;

final class Administration {
  static void scenarios(Map<String, Interop.Scenario> all) {
    all.put("admin/topics", Administration::topics);
    all.put("admin/topic-refusals", Administration::topicRefusals);
    all.put("admin/configs", Administration::configs);
    all.put("admin/broker-configs", Administration::brokerConfigs);
    all.put("admin/partitions", Administration::partitions);
    all.put("admin/delete-records", Administration::deleteRecords);
    all.put("admin/groups", kit -> groups(kit, "classic"));
    all.put("admin/groups-848", kit -> groups(kit, "consumer"));
    all.put("admin/group-refusals", Administration::groupRefusals);
    all.put("admin/log-dirs", Administration::logDirs);
    all.put("admin/cluster", Administration::cluster);
    all.put("admin/reassignments", Administration::reassignments);
  }

  private static void topics(Kit kit) throws Exception {
    var admin = kit.admin();
    String name = kit.unique;
    var topic = new NewTopic(name, 3, (short) 1).configs(Map.of("retention.ms", "3600000"));
    var checked = admin.createTopics(List.of(topic), new CreateTopicsOptions().validateOnly(true));
    Kit.get(checked.all());
    Kit.check(!Kit.get(admin.listTopics().names()).contains(name), "validateOnly makes nothing");
    var created = admin.createTopics(List.of(topic));
    Kit.same(Kit.get(created.numPartitions(name)), 3, "partitions");
    Kit.same(Kit.get(created.replicationFactor(name)), 1, "replication factor");
    Kit.same(Kit.get(created.config(name)).get("retention.ms").value(), "3600000", "config in the answer");
    Uuid id = Kit.get(created.topicId(name));
    kit.until("listed", () -> Kit.get(admin.listTopics().names()).contains(name));
    var described = Kit.get(admin.describeTopics(List.of(name)).allTopicNames()).get(name);
    Kit.same(described.topicId(), id, "id");
    Kit.same(described.partitions().size(), 3, "partitions described");
    for (var partition : described.partitions()) {
      Kit.check(partition.leader() != null && !partition.leader().isEmpty(), "has a leader");
      Kit.same(partition.replicas().size(), 1, "replicas");
      Kit.same(partition.isr().size(), 1, "in-sync replicas");
    }
    Kit.check(!described.isInternal(), "not internal");
    var byId = Kit.get(admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds());
    Kit.same(byId.get(id).name(), name, "described by id");
    Kit.get(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
    kit.until("deleted by id", () -> !Kit.get(admin.listTopics().names()).contains(name));
    Kit.get(admin.createTopics(List.of(new NewTopic(name, Optional.empty(), Optional.empty()))).all());
    kit.until("made anew", () -> Kit.get(admin.listTopics().names()).contains(name));
    Uuid second = Kit.get(admin.describeTopics(List.of(name)).allTopicNames()).get(name).topicId();
    Kit.check(!second.equals(id), "a topic made anew has another id");
    Kit.get(admin.deleteTopics(List.of(name)).all());
  }

  private static void topicRefusals(Kit kit) throws Exception {
    var admin = kit.admin();
    String name = kit.topic(1);
    kit.fails(() -> Kit.get(admin.createTopics(List.of(new NewTopic(name, 1, (short) 1))).all()),
        TopicExistsException.class);
    kit.fails(() -> create(kit, new NewTopic(kit.unique + "-x", 0, (short) 1)), InvalidPartitionsException.class);
    kit.fails(() -> create(kit, new NewTopic(kit.unique + "-x", 1, (short) 3)),
        InvalidReplicationFactorException.class);
    kit.fails(() -> create(kit, new NewTopic("not a name", 1, (short) 1)), InvalidTopicException.class);
    kit.fails(() -> create(kit, new NewTopic(kit.unique + "-x", 1, (short) 1).configs(Map.of("no.such.key", "1"))),
        InvalidConfigurationException.class);
    kit.fails(() -> create(kit, new NewTopic(kit.unique + "-x", 1, (short) 1).configs(Map.of("retention.ms", "soon"))),
        InvalidConfigurationException.class);
    kit.fails(() -> Kit.get(admin.deleteTopics(List.of(kit.unique + "-none")).all()),
        UnknownTopicOrPartitionException.class);
    kit.fails(() -> Kit.get(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).all()),
        UnknownTopicIdException.class);
    kit.fails(() -> Kit.get(admin.describeTopics(List.of(kit.unique + "-none")).allTopicNames()),
        UnknownTopicOrPartitionException.class);
    kit.fails(() -> Kit.get(admin.describeTopics(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).allTopicIds()),
        UnknownTopicIdException.class);
  }

  private static Void create(Kit kit, NewTopic topic) throws Exception {
    return Kit.get(kit.admin().createTopics(List.of(topic)).all());
  }

  private static void configs(Kit kit) throws Exception {
    var admin = kit.admin();
    String name = kit.topic("t", 1, Map.of("retention.ms", "3600000"));
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, name);
    Config before = describe(kit, resource);
    Kit.same(before.get("retention.ms").value(), "3600000", "given at creation");
    Kit.same(before.get("retention.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, "its source");
    Kit.check(!before.get("retention.ms").isDefault(), "is not the default");
    Kit.same(before.get("segment.bytes").source(), ConfigEntry.ConfigSource.DEFAULT_CONFIG, "source of a default");
    Kit.same(before.get("segment.bytes").type(), ConfigEntry.ConfigType.INT, "type");
    Kit.same(before.get("cleanup.policy").value(), "delete", "cleanup.policy");
    alter(kit, resource, new AlterConfigOp(new ConfigEntry("retention.bytes", "1000000"), OpType.SET),
        new AlterConfigOp(new ConfigEntry("retention.ms", ""), OpType.DELETE));
    kit.until("the change is seen", () ->
        describe(kit, resource).get("retention.bytes").value().equals("1000000"));
    Kit.same(describe(kit, resource).get("retention.ms").value(), "604800000", "back to the default");
    kit.fails(() -> alter(kit, resource, new AlterConfigOp(new ConfigEntry("retention.ms", "soon"), OpType.SET)),
        InvalidConfigurationException.class);
    kit.fails(() -> alter(kit, resource, new AlterConfigOp(new ConfigEntry("no.such.key", "1"), OpType.SET)),
        InvalidConfigurationException.class);
    var options = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
    Config full = Kit.get(admin.describeConfigs(List.of(resource), options).all()).get(resource);
    Kit.check(!full.get("retention.bytes").synonyms().isEmpty(), "synonyms");
    Kit.check(full.get("retention.ms").documentation() != null, "documentation");
    ConfigResource missing = new ConfigResource(ConfigResource.Type.TOPIC, kit.unique + "-none");
    kit.fails(() -> describe(kit, missing), UnknownTopicOrPartitionException.class);
  }

  private static Config describe(Kit kit, ConfigResource resource) throws Exception {
    return Kit.get(kit.admin().describeConfigs(List.of(resource)).all()).get(resource);
  }

  private static Void alter(Kit kit, ConfigResource resource, AlterConfigOp... ops) throws Exception {
    Map<ConfigResource, Collection<AlterConfigOp>> changes = Map.of(resource, List.of(ops));
    return Kit.get(kit.admin().incrementalAlterConfigs(changes).all());
  }

  private static void brokerConfigs(Kit kit) throws Exception {
    int node = Kit.get(kit.admin().describeCluster().nodes()).iterator().next().id();
    Config config = describe(kit, new ConfigResource(ConfigResource.Type.BROKER, "" + node));
    Kit.check(config.get("num.partitions") != null, "num.partitions");
    Kit.check(config.get("message.max.bytes") != null, "message.max.bytes");
  }

  private static void partitions(Kit kit) throws Exception {
    var admin = kit.admin();
    String name = kit.topic(2);
    var producer = kit.producer("metadata.max.age.ms", "500");
    kit.send(producer, new TopicPartition(name, 0), 0, 10);
    Kit.get(admin.createPartitions(Map.of(name, NewPartitions.increaseTo(5))).all());
    kit.until("five partitions", () ->
        Kit.get(admin.describeTopics(List.of(name)).allTopicNames()).get(name).partitions().size() == 5);
    kit.send(producer, new TopicPartition(name, 4), 0, 10);
    Kit.same(kit.read(new TopicPartition(name, 4), 10).size(), 10, "records of a new partition");
    kit.fails(() -> Kit.get(admin.createPartitions(Map.of(name, NewPartitions.increaseTo(5))).all()),
        InvalidPartitionsException.class);
    kit.fails(() -> Kit.get(admin.createPartitions(Map.of(kit.unique + "-none", NewPartitions.increaseTo(5))).all()),
        UnknownTopicOrPartitionException.class);
  }

  private static void deleteRecords(Kit kit) throws Exception {
    TopicPartition of = new TopicPartition(kit.topic(1), 0);
    kit.send(kit.producer(), of, 0, 100);
    var deleted = kit.admin().deleteRecords(Map.of(of, RecordsToDelete.beforeOffset(40)));
    Kit.same(Kit.get(deleted.lowWatermarks().get(of)).lowWatermark(), 40L, "low watermark");
    Kit.same(kit.read(of, 60).get(0).offset(), 40L, "first record");
    kit.fails(() -> Kit.get(kit.admin().deleteRecords(Map.of(of, RecordsToDelete.beforeOffset(101))).all()),
        OffsetOutOfRangeException.class);
    var all = kit.admin().deleteRecords(Map.of(of, RecordsToDelete.beforeOffset(-1)));
    Kit.same(Kit.get(all.lowWatermarks().get(of)).lowWatermark(), 100L, "up to the end");
  }

  private static void groups(Kit kit, String protocol) throws Exception {
    var admin = kit.admin();
    String topic = kit.topic(2);
    String group = kit.unique;
    var member = kit.keep(new Groups.Member(
        kit.consumer("group.id", group, "group.protocol", protocol, "client.id", "reader"),
        (consumer, listener) -> consumer.subscribe(List.of(topic), listener)));
    kit.until("the member has both", () -> member.owned.size() == 2);
    GroupType type = protocol.equals("classic") ? GroupType.CLASSIC : GroupType.CONSUMER;
    var listed = Kit.get(admin.listGroups().all()).stream().filter(one -> one.groupId().equals(group)).findFirst();
    Kit.same(listed.orElseThrow().type(), Optional.of(type), "type in the list");
    Kit.same(listed.orElseThrow().groupState(), Optional.of(GroupState.STABLE), "state in the list");
    Kit.same(listed.orElseThrow().protocol(), "consumer", "protocol in the list");
    var empty = Kit.get(admin.listGroups(new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY))).all());
    Kit.check(empty.stream().noneMatch(one -> one.groupId().equals(group)), "filtered by state");
    var typed = Kit.get(admin.listGroups(new ListGroupsOptions().withTypes(Set.of(type))).all());
    Kit.check(typed.stream().anyMatch(one -> one.groupId().equals(group)), "filtered by type");
    // The member reports that it has taken its partitions over with its next heartbeat.
    kit.until("the group is stable", () -> describeGroup(kit, group).groupState() == GroupState.STABLE);
    var described = describeGroup(kit, group);
    Kit.same(described.type(), type, "type");
    Kit.same(described.members().size(), 1, "members");
    var one = described.members().iterator().next();
    Kit.same(one.clientId(), "reader", "client id");
    Kit.check(one.host().contains("127.0.0.1"), "host " + one.host());
    Kit.same(one.assignment().topicPartitions().size(), 2, "assigned");
    Kit.check(!described.coordinator().isEmpty(), "coordinator");
    kit.fails(() -> Kit.get(admin.deleteConsumerGroups(List.of(group)).all()), GroupNotEmptyException.class);
    member.close();
    kit.until("the group is empty", () -> describeGroup(kit, group).groupState() == GroupState.EMPTY);
    Kit.get(admin.deleteConsumerGroups(List.of(group)).all());
    Kit.check(Kit.get(admin.listGroups().all()).stream().noneMatch(each -> each.groupId().equals(group)), "deleted");
  }

  private static ConsumerGroupDescription describeGroup(Kit kit, String group)
      throws Exception {
    return Kit.get(kit.admin().describeConsumerGroups(List.of(group)).all()).get(group);
  }

  private static void groupRefusals(Kit kit) throws Exception {
    var admin = kit.admin();
    kit.fails(() -> describeGroup(kit, kit.unique), GroupIdNotFoundException.class);
    kit.fails(() -> Kit.get(admin.deleteConsumerGroups(List.of(kit.unique)).all()), GroupIdNotFoundException.class);
    Kit.check(Kit.get(admin.listConsumerGroupOffsets(kit.unique).partitionsToOffsetAndMetadata()).isEmpty(),
        "no offsets of an unknown group");
  }

  private static void logDirs(Kit kit) throws Exception {
    TopicPartition of = new TopicPartition(kit.topic(1), 0);
    kit.send(kit.producer(), of, 0, 1000);
    int node = Kit.get(kit.admin().describeCluster().nodes()).iterator().next().id();
    var directories = Kit.get(kit.admin().describeLogDirs(List.of(node)).allDescriptions()).get(node);
    var holding = directories.values().stream().filter(one -> one.replicaInfos().containsKey(of)).toList();
    Kit.same(holding.size(), 1, "directories with the partition");
    Kit.check(holding.get(0).replicaInfos().get(of).size() > 1000, "size of the partition");
    Kit.check(holding.get(0).totalBytes().getAsLong() > 0, "total bytes");
    Kit.check(holding.get(0).usableBytes().getAsLong() > 0, "usable bytes");
    Kit.check(holding.get(0).error() == null, "no error");
  }

  private static void cluster(Kit kit) throws Exception {
    var described = kit.admin().describeCluster();
    Kit.same(Kit.get(described.nodes()).size(), 1, "nodes");
    Kit.check(!Kit.get(described.clusterId()).isEmpty(), "cluster id");
    Kit.check(Kit.get(described.controller()) != null, "controller");
    var features = Kit.get(kit.admin().describeFeatures().featureMetadata());
    Kit.check(features.finalizedFeatures() != null, "features");
    kit.fails(() -> Kit.get(kit.admin().describeAcls(AclBindingFilter.ANY).values()),
        SecurityDisabledException.class, UnsupportedVersionException.class);
  }

  private static void reassignments(Kit kit) throws Exception {
    Kit.check(Kit.get(kit.admin().listPartitionReassignments().reassignments()).isEmpty(), "none under way");
  }
}
