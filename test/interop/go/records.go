// Producing and consuming: shapes of records, acks, compression, order, reads from anywhere, offsets.
package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func recordScenarios() []scenario {
	all := []scenario{
		{"produce/shapes", shapes},
		{"produce/acks", acks},
		{"produce/auto-create", autoCreate},
		{"consume/from-anywhere", fromAnywhere},
		{"consume/many-partitions", manyPartitions},
		{"idempotence/order", order},
		{"offsets/by-time", byTime},
		{"offsets/commit", commit},
	}
	codecs := map[string]kgo.CompressionCodec{
		"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	for name, codec := range codecs {
		all = append(all, scenario{"compression-" + name + "/round-trip", func(k *kit) { roundTrip(k, codec) }})
	}
	return all
}

func shapes(k *kit) {
	topic := k.topic(1)
	binary := make([]byte, 256)
	for at := range binary {
		binary[at] = byte(at)
	}
	bodies := [][]byte{nil, {}, binary, []byte("plain"), []byte("žluťoučký 馬 🐎")}
	var records []*kgo.Record
	at := time.UnixMilli(1_700_000_000_000)
	for _, key := range bodies {
		for _, value := range bodies {
			at = at.Add(time.Millisecond)
			record := &kgo.Record{Topic: topic, Key: key, Value: value, Timestamp: at}
			for count := range len(records) % 4 {
				record.Headers = append(record.Headers, kgo.RecordHeader{Key: fmt.Sprint("h", count%2), Value: bodies[count]})
			}
			records = append(records, record)
		}
	}
	k.must(k.client().ProduceSync(k.ctx, records...).FirstErr())
	for index, got := range k.read(topic, 0, len(records)) {
		sent := records[index]
		k.check(bytes.Equal(got.Key, sent.Key) && (got.Key == nil) == (sent.Key == nil), fmt.Sprint("key ", index))
		k.check(bytes.Equal(got.Value, sent.Value) && (got.Value == nil) == (sent.Value == nil), fmt.Sprint("value ", index))
		k.same(got.Timestamp.UnixMilli(), sent.Timestamp.UnixMilli(), "time")
		k.same(got.Offset, int64(index), "offset")
		k.same(len(got.Headers), len(sent.Headers), "headers")
		for number, header := range got.Headers {
			k.same(header.Key, sent.Headers[number].Key, "header key")
			k.check(bytes.Equal(header.Value, sent.Headers[number].Value), "header value")
		}
	}
}

func acks(k *kit) {
	for name, acks := range map[string]kgo.Acks{"none": kgo.NoAck(), "leader": kgo.LeaderAck(), "all": kgo.AllISRAcks()} {
		topic := k.namedTopic(name, 1, nil)
		producer := k.client(kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite())
		k.send(producer, topic, 0, 0, 500)
		k.same(values(k.read(topic, 0, 500)), numbers(0, 500), "values with acks "+name)
	}
}

func autoCreate(k *kit) {
	topic := k.unique + "-made"
	k.send(k.client(kgo.AllowAutoTopicCreation()), topic, 0, 0, 3)
	k.same(values(k.read(topic, 0, 3)), numbers(0, 3), "values")
}

func manual() kgo.Opt {
	return kgo.RecordPartitioner(kgo.ManualPartitioner())
}

func fromAnywhere(k *kit) {
	topic := k.topic(2)
	producer := k.client(manual(), kgo.ProducerBatchMaxBytes(1000))
	k.send(producer, topic, 1, 0, 1000)
	for _, offset := range []int64{0, 17, 500, 999} {
		reader := k.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {1: kgo.NewOffset().At(offset)}}))
		k.same(k.take(reader, 1)[0].Offset, offset, "first offset")
		reader.Close()
	}
	reader := k.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {1: kgo.NewOffset().Relative(-3).AtEnd()}}))
	k.same(values(k.take(reader, 3)), numbers(997, 1000), "the last three")
	k.send(producer, topic, 1, 1000, 1001)
	k.same(values(k.take(reader, 1)), numbers(1000, 1001), "the record after the end")
}

func manyPartitions(k *kit) {
	topic := k.topic(40)
	producer := k.client(manual())
	for partition := range int32(40) {
		k.send(producer, topic, partition, 0, 50)
	}
	reader := k.client(kgo.ConsumeTopics(topic), kgo.FetchMaxBytes(2000), kgo.FetchMaxPartitionBytes(1000))
	k.same(len(k.take(reader, 2000)), 2000, "records")
}

func order(k *kit) {
	topic := k.topic(3)
	producer := k.client(manual(), kgo.ProducerBatchMaxBytes(600), kgo.MaxProduceRequestsInflightPerBroker(1))
	for partition := range int32(3) {
		k.send(producer, topic, partition, 0, 2000)
	}
	for partition := range int32(3) {
		k.same(values(k.read(topic, partition, 2000)), numbers(0, 2000), "order")
	}
	producers, err := k.admin().DescribeProducers(k.ctx, kadm.TopicsSet{topic: {0: {}}})
	k.must(err)
	k.same(len(producers.SortedProducers()), 1, "producers")
	k.same(producers.SortedProducers()[0].LastSequence, int32(1999), "last sequence")
}

func roundTrip(k *kit, codec kgo.CompressionCodec) {
	topic := k.topic(1)
	producer := k.client(kgo.ProducerBatchCompression(codec))
	k.send(producer, topic, 0, 0, 5000)
	k.same(values(k.read(topic, 0, 5000)), numbers(0, 5000), "values")
}

func byTime(k *kit) {
	topic := k.topic(1)
	start := int64(1_700_000_000_000)
	producer := k.client()
	var records []*kgo.Record
	for at := range 100 {
		records = append(records, &kgo.Record{Topic: topic, Timestamp: time.UnixMilli(start + int64(at)*1000)})
	}
	k.must(producer.ProduceSync(k.ctx, records...).FirstErr())
	admin := k.admin()
	offset := func(listed kadm.ListedOffsets, err error) int64 {
		k.must(err)
		k.must(listed.Error())
		one, _ := listed.Lookup(topic, 0)
		return one.Offset
	}
	k.same(offset(admin.ListStartOffsets(k.ctx, topic)), int64(0), "start")
	k.same(offset(admin.ListEndOffsets(k.ctx, topic)), int64(100), "end")
	k.same(offset(admin.ListCommittedOffsets(k.ctx, topic)), int64(100), "last stable")
	k.same(offset(admin.ListMaxTimestampOffsets(k.ctx, topic)), int64(99), "largest time")
	k.same(offset(admin.ListOffsetsAfterMilli(k.ctx, start+41_500, topic)), int64(42), "by time")
	reader := k.client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(start+70_000)))
	k.same(k.take(reader, 1)[0].Offset, int64(70), "read from a time")
}

func commit(k *kit) {
	topic := k.topic(1)
	k.send(k.client(), topic, 0, 0, 100)
	admin := k.admin()
	k.must(admin.CommitAllOffsets(k.ctx, k.unique, kadm.Offsets{topic: {0: {Topic: topic, At: 30, LeaderEpoch: -1, Metadata: "page"}}}))
	fetched, err := admin.FetchOffsets(k.ctx, k.unique)
	k.must(err)
	one, _ := fetched.Lookup(topic, 0)
	k.same(one.At, int64(30), "committed")
	k.same(one.Metadata, "page", "metadata")
	reader := k.client(kgo.ConsumerGroup(k.unique), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit())
	records := k.take(reader, 70)
	k.same(records[0].Offset, int64(30), "goes on where it was")
	k.must(reader.CommitRecords(k.ctx, records...))
	lag, err := admin.Lag(k.ctx, k.unique)
	k.must(err)
	k.must(lag.Error())
	for _, group := range lag {
		k.same(group.Lag.Total(), int64(0), "lag")
	}
	reader.Close()
	deleted, err := admin.DeleteOffsets(k.ctx, k.unique, kadm.TopicsSet{topic: {0: {}}})
	k.must(err)
	k.must(deleted.Error())
}
