// What the tests across doors ask of franz-go:
//
//	franz <bootstrap> copy <source> <target> <count>   each record with partition, key, value, headers, time
//	franz <bootstrap> keys <topic> <count>             records with the keys key-0, key-1, ...; its own partitions
package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Runs a command; false when the arguments are none.
func crossDoor(bootstrap string, args []string) bool {
	if len(args) == 0 || (args[0] != "copy" && args[0] != "keys") {
		return false
	}
	k := newKit(context.Background(), bootstrap, "cross-door")
	defer k.close()
	count, err := strconv.Atoi(args[len(args)-1])
	k.must(err)
	if args[0] == "copy" {
		copyRecords(k, args[1], args[2], count)
	} else {
		sendKeys(k, args[1], count)
	}
	fmt.Println("ok", args[0])
	return true
}

func copyRecords(k *kit, source, target string, count int) {
	reader := k.client(kgo.ConsumeTopics(source), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	writer := k.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(1_000_000))
	var records []*kgo.Record
	for _, record := range k.take(reader, count) {
		records = append(records, &kgo.Record{
			Topic:     target,
			Partition: record.Partition,
			Key:       record.Key,
			Value:     record.Value,
			Headers:   record.Headers,
			Timestamp: record.Timestamp,
		})
	}
	k.must(writer.ProduceSync(k.ctx, records...).FirstErr())
}

func sendKeys(k *kit, topic string, count int) {
	var records []*kgo.Record
	for number := range count {
		records = append(records, &kgo.Record{Topic: topic, Key: []byte(fmt.Sprintf("key-%d", number)), Value: []byte("")})
	}
	k.must(k.client().ProduceSync(k.ctx, records...).FirstErr())
}
