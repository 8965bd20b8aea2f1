// Administration with kadm: topics, configs, partitions, records, groups, directories, the cluster, refusals.
package main

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

func adminScenarios() []scenario {
	return []scenario{
		{"admin/topics", topics},
		{"admin/configs", configs},
		{"admin/delete-records", deleteRecords},
		{"admin/groups", groups},
		{"admin/cluster", cluster},
	}
}

func (k *kit) refused(err error, with *kerr.Error, what string) {
	k.check(errors.Is(err, with), fmt.Sprintf("%s: expected %s, got %v", what, with.Message, err))
}

func topics(k *kit) {
	admin := k.admin()
	retention := "3600000"
	made, err := admin.CreateTopic(k.ctx, 3, 1, map[string]*string{"retention.ms": &retention}, k.unique)
	k.must(err)
	k.same(made.NumPartitions, int32(3), "partitions")
	k.same(*made.Configs["retention.ms"].Value, retention, "config in the answer")
	listed, err := admin.ListTopics(k.ctx, k.unique)
	k.must(err)
	k.same(listed[k.unique].ID, made.ID, "id")
	k.same(len(listed[k.unique].Partitions), 3, "partitions listed")
	_, err = admin.CreateTopic(k.ctx, 3, 1, nil, k.unique)
	k.refused(err, kerr.TopicAlreadyExists, "twice")
	_, err = admin.CreateTopic(k.ctx, 3, 3, nil, k.unique+"-3")
	k.refused(err, kerr.InvalidReplicationFactor, "three replicas")
	_, err = admin.CreateTopic(k.ctx, 3, 1, nil, "no name")
	k.refused(err, kerr.InvalidTopicException, "a bad name")
	checked, err := admin.ValidateCreateTopics(k.ctx, 3, 1, nil, k.unique+"-never")
	k.must(err)
	k.must(checked.Error())
	grown, err := admin.CreatePartitions(k.ctx, 2, k.unique)
	k.must(err)
	k.must(grown.Error())
	shrunk, err := admin.UpdatePartitions(k.ctx, 2, k.unique)
	k.must(err)
	k.refused(shrunk[k.unique].Err, kerr.InvalidPartitions, "fewer partitions")
	listed, err = admin.ListTopics(k.ctx)
	k.must(err)
	k.same(len(listed[k.unique].Partitions), 5, "partitions after growth")
	k.check(!listed.Has(k.unique+"-never"), "validation makes nothing")
	deleted, err := admin.DeleteTopics(k.ctx, k.unique, k.unique+"-never")
	k.must(err)
	k.must(deleted[k.unique].Err)
	k.refused(deleted[k.unique+"-never"].Err, kerr.UnknownTopicOrPartition, "deletes what is not there")
}

func configs(k *kit) {
	admin := k.admin()
	topic := k.topic(1)
	value := func(key string) string {
		described, err := admin.DescribeTopicConfigs(k.ctx, topic)
		k.must(err)
		one, err := described.On(topic, nil)
		k.must(err)
		k.must(one.Err)
		for _, config := range one.Configs {
			if config.Key == key {
				return config.MaybeValue()
			}
		}
		return "none"
	}
	k.same(value("cleanup.policy"), "delete", "a default")
	bytes := "1000000"
	altered, err := admin.AlterTopicConfigs(k.ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.bytes", Value: &bytes}}, topic)
	k.must(err)
	k.must(altered[0].Err)
	k.until("the change is seen", func() bool { return value("retention.bytes") == bytes })
	day := "86400000"
	altered, err = admin.AlterTopicConfigsState(k.ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: &day}}, topic)
	k.must(err)
	k.must(altered[0].Err)
	k.until("all replaced", func() bool { return value("retention.ms") == day && value("retention.bytes") == "-1" })
	altered, err = admin.AlterTopicConfigs(k.ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "no.such.key", Value: &day}}, topic)
	k.must(err)
	k.refused(altered[0].Err, kerr.InvalidConfig, "an unknown key")
}

func deleteRecords(k *kit) {
	topic := k.topic(1)
	k.send(k.client(), topic, 0, 0, 100)
	admin := k.admin()
	deleted, err := admin.DeleteRecords(k.ctx, kadm.Offsets{topic: {0: {Topic: topic, At: 40}}})
	k.must(err)
	k.must(deleted.Error())
	k.same(k.read(topic, 0, 60)[0].Offset, int64(40), "first record")
	deleted, err = admin.DeleteRecords(k.ctx, kadm.Offsets{topic: {0: {Topic: topic, At: 400}}})
	k.must(err)
	k.refused(deleted.Error(), kerr.OffsetOutOfRange, "after the end")
}

func groups(k *kit) {
	topic := k.topic(2)
	admin := k.admin()
	reader := k.member(topic)
	k.until("the member has both", func() bool { return reader.holds(2) })
	described, err := admin.DescribeGroups(k.ctx, k.unique)
	k.must(err)
	k.same(described[k.unique].State, "Stable", "state")
	k.same(len(described[k.unique].Members), 1, "members")
	k.check(described.AssignedPartitions()[topic] != nil, "assignment")
	listed, err := admin.ListGroups(k.ctx, "Stable")
	k.must(err)
	k.check(listed[k.unique].Group == k.unique, "listed by state")
	deleted, err := admin.DeleteGroups(k.ctx, k.unique, k.unique+"-none")
	k.must(err)
	k.refused(deleted[k.unique].Err, kerr.NonEmptyGroup, "deletes a group with members")
	k.refused(deleted[k.unique+"-none"].Err, kerr.GroupIDNotFound, "deletes an unknown group")
	reader.client.CloseAllowingRebalance()
	reader.ended.Wait()
	deleted, err = admin.DeleteGroups(k.ctx, k.unique)
	k.must(err)
	k.must(deleted[k.unique].Err)
}

func cluster(k *kit) {
	topic := k.topic(1)
	k.send(k.client(), topic, 0, 0, 100)
	admin := k.admin()
	metadata, err := admin.BrokerMetadata(k.ctx)
	k.must(err)
	k.same(len(metadata.Brokers), 1, "brokers")
	k.check(metadata.Cluster != "", "cluster id")
	k.same(metadata.Controller, metadata.Brokers[0].NodeID, "controller")
	directories, err := admin.DescribeBrokerLogDirs(k.ctx, metadata.Brokers[0].NodeID, kadm.TopicsSet{topic: {0: {}}})
	k.must(err)
	k.must(directories.Error())
	found, _ := directories.LookupPartition(topic, 0)
	k.check(found.Size > 100, "size of a partition")
	versions, err := admin.ApiVersions(k.ctx)
	k.must(err)
	for _, one := range versions {
		k.must(one.Err)
	}
	configs, err := admin.DescribeBrokerConfigs(k.ctx, metadata.Brokers[0].NodeID)
	k.must(err)
	k.must(configs[0].Err)
	k.check(len(configs[0].Configs) > 0, "configs of the broker")
	moving, err := admin.ListPartitionReassignments(k.ctx, nil)
	k.must(err)
	k.same(len(moving), 0, "reassignments")
}
