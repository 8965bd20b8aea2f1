// What every scenario needs: clients, topics of its own, checks that end the scenario, and waiting for something.
package main

import (
	"context"
	"fmt"
	"math/rand"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type kit struct {
	ctx       context.Context
	bootstrap string
	// Part of every name, so that scenarios do not meet.
	unique string
	// What the scenario did last, for failure messages.
	step    atomic.Value
	clients []*kgo.Client
}

func newKit(ctx context.Context, bootstrap, name string) *kit {
	plain := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(name, "-")
	k := &kit{ctx: ctx, bootstrap: bootstrap, unique: fmt.Sprintf("go-%s-%06x", plain, rand.Intn(1<<24))}
	k.step.Store("start")
	return k
}

func (k *kit) client(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(k.bootstrap)}, options...)...)
	k.must(err)
	k.clients = append(k.clients, client)
	return client
}

func (k *kit) admin() *kadm.Client {
	return kadm.NewClient(k.client())
}

func (k *kit) topic(partitions int32) string {
	return k.namedTopic("topic", partitions, nil)
}

func (k *kit) namedTopic(name string, partitions int32, configs map[string]*string) string {
	topic := k.unique + "-" + name
	_, err := k.admin().CreateTopic(k.ctx, partitions, -1, configs, topic)
	k.must(err)
	k.step.Store("created " + topic)
	return topic
}

// Sends records with the numbers as values to a partition.
func (k *kit) send(client *kgo.Client, topic string, partition int32, first, end int) {
	var records []*kgo.Record
	for number := first; number < end; number++ {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(strconv.Itoa(number))})
	}
	k.must(client.ProduceSync(k.ctx, records...).FirstErr())
	k.step.Store(fmt.Sprintf("sent %d to %d", first, end))
}

// Polls until there are as many records.
func (k *kit) take(client *kgo.Client, count int) []*kgo.Record {
	ctx, cancel := context.WithTimeout(k.ctx, 30*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(ctx)
		for _, failed := range fetches.Errors() {
			k.check(false, fmt.Sprintf("read %d of %d, then %v", len(records), count, failed.Err))
		}
		records = append(records, fetches.Records()...)
		k.step.Store(fmt.Sprintf("read %d of %d", len(records), count))
	}
	return records
}

// Reads a partition from its first record.
func (k *kit) read(topic string, partition int32, count int, options ...kgo.Opt) []*kgo.Record {
	from := map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().AtStart()}}
	client := k.client(append(options, kgo.ConsumePartitions(from))...)
	defer client.Close()
	return k.take(client, count)
}

func values(records []*kgo.Record) []string {
	all := make([]string, 0, len(records))
	for _, record := range records {
		all = append(all, string(record.Value))
	}
	return all
}

func numbers(first, end int) []string {
	all := make([]string, 0, end-first)
	for number := first; number < end; number++ {
		all = append(all, strconv.Itoa(number))
	}
	return all
}

// Fails the scenario; the runner recovers.
func (k *kit) check(holds bool, what string) {
	if !holds {
		panic(what)
	}
}

func (k *kit) same(got, expected any, what string) {
	k.check(reflect.DeepEqual(got, expected), fmt.Sprintf("%s: got %.200v, expected %.200v", what, got, expected))
}

func (k *kit) must(err error) {
	if err != nil {
		_, file, line, _ := runtime.Caller(1)
		panic(fmt.Sprintf("%v [%s:%d]", err, file[len(file)-8:], line))
	}
}

// Repeats until it holds; at most 30 s.
func (k *kit) until(what string, holds func() bool) {
	k.step.Store("waiting for " + what)
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		k.check(time.Now().Before(deadline), "not within 30 s: "+what)
		time.Sleep(50 * time.Millisecond)
	}
	k.step.Store(what)
}

func (k *kit) close() {
	for _, client := range k.clients {
		client.CloseAllowingRebalance()
	}
}
