// Consumer groups: two members share partitions, one leaves, everything is read; classic protocol and KIP-848.
package main

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

func groupScenarios() []scenario {
	return []scenario{
		{"group-rebalance/two-members", func(k *kit) { twoMembers(k) }},
		{"group-rebalance/range", func(k *kit) { twoMembers(k, kgo.Balancers(kgo.RangeBalancer())) }},
		{"group-rebalance/static-member", staticMember},
		{"group-rebalance-848/two-members", func(k *kit) { twoMembers(k, kgo.ServerSideBalancer()) }},
	}
}

// A member read by a goroutine of its own, as applications have it.
type member struct {
	client *kgo.Client
	lock   sync.Mutex
	owned  map[int32]bool
	seen   map[string]int
	ended  sync.WaitGroup
}

func (k *kit) member(topic string, options ...kgo.Opt) *member {
	m := &member{owned: map[int32]bool{}, seen: map[string]int{}}
	keep := func(isOwned bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
			m.lock.Lock()
			defer m.lock.Unlock()
			for _, partition := range changed[topic] {
				if isOwned {
					m.owned[partition] = true
				} else {
					delete(m.owned, partition)
				}
			}
		}
	}
	revoked := func(ctx context.Context, client *kgo.Client, changed map[string][]int32) {
		_ = client.CommitUncommittedOffsets(ctx)
		keep(false)(ctx, client, changed)
	}
	m.client = k.client(append(options, kgo.ConsumerGroup(k.unique), kgo.ConsumeTopics(topic),
		kgo.OnPartitionsAssigned(keep(true)), kgo.OnPartitionsRevoked(revoked), kgo.OnPartitionsLost(keep(false)),
		kgo.BlockRebalanceOnPoll())...)
	m.ended.Add(1)
	go func() {
		defer m.ended.Done()
		for {
			fetches := m.client.PollFetches(k.ctx)
			if fetches.IsClientClosed() || k.ctx.Err() != nil {
				return
			}
			m.lock.Lock()
			fetches.EachRecord(func(record *kgo.Record) { m.seen[string(record.Value)]++ })
			m.lock.Unlock()
			m.client.AllowRebalance()
		}
	}()
	return m
}

func (m *member) holds(partitions int) bool {
	m.lock.Lock()
	defer m.lock.Unlock()
	return len(m.owned) == partitions
}

func (m *member) read() int {
	m.lock.Lock()
	defer m.lock.Unlock()
	return len(m.seen)
}

func twoMembers(k *kit, options ...kgo.Opt) {
	topic := k.topic(4)
	producer := k.client(manual())
	send := func(first int) {
		for partition := range int32(4) {
			k.send(producer, topic, partition, first+int(partition)*50, first+int(partition)*50+50)
		}
	}
	one := k.member(topic, options...)
	k.until("the first has all partitions", func() bool { return one.holds(4) })
	send(0)
	k.until("the first read all", func() bool { return one.read() == 200 })
	two := k.member(topic, options...)
	k.until("both have two", func() bool { return one.holds(2) && two.holds(2) })
	send(200)
	k.until("both read all", func() bool { return one.read()+two.read() == 400 })
	two.client.CloseAllowingRebalance()
	two.ended.Wait()
	k.until("the first has all again", func() bool { return one.holds(4) })
	send(400)
	k.until("the first read the rest", func() bool { return one.read()+two.read() == 600 })
	for _, m := range []*member{one, two} {
		for value, times := range m.seen {
			k.same(times, 1, "reads of "+value)
		}
	}
}

func staticMember(k *kit) {
	topic := k.topic(4)
	one := k.member(topic, kgo.InstanceID("one"))
	two := k.member(topic, kgo.InstanceID("two"))
	k.until("both have two", func() bool { return one.holds(2) && two.holds(2) })
	two.client.CloseAllowingRebalance()
	two.ended.Wait()
	again := k.member(topic, kgo.InstanceID("two"))
	k.until("the member is back", func() bool { return again.holds(2) })
	k.check(one.holds(2), "nothing moved")
}
