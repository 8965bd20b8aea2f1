// Transactions: commit and abort, offsets inside a transaction by GroupTransactSession, fencing, descriptions.
package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func transactionScenarios() []scenario {
	return []scenario{
		{"transactions/commit-and-abort", commitAndAbort},
		{"transactions/session", func(k *kit) { session(k) }},
		{"transactions/session-848", func(k *kit) { session(k, kgo.ServerSideBalancer()) }},
		{"transactions/fencing", fencing},
		{"transactions/timeout", timeout},
		{"transactions/describe", describe},
	}
}

func committed() kgo.Opt {
	return kgo.FetchIsolationLevel(kgo.ReadCommitted())
}

func (k *kit) transactional(options ...kgo.Opt) *kgo.Client {
	return k.client(append(options, kgo.TransactionalID(k.unique))...)
}

func commitAndAbort(k *kit) {
	topic := k.topic(1)
	producer := k.transactional()
	var expected []string
	for round := range 10 {
		k.must(producer.BeginTransaction())
		k.send(producer, topic, 0, round*10, round*10+10)
		if round%2 == 0 {
			expected = append(expected, numbers(round*10, round*10+10)...)
		}
		k.must(producer.EndTransaction(k.ctx, kgo.TransactionEndTry(round%2 == 0)))
		k.step.Store(fmt.Sprint("transaction ", round))
	}
	k.same(values(k.read(topic, 0, 50, committed())), expected, "read_committed")
	k.same(len(k.read(topic, 0, 100)), 100, "read_uncommitted")
}

func session(k *kit, options ...kgo.Opt) {
	in, out := k.namedTopic("in", 2, nil), k.namedTopic("out", 1, nil)
	producer := k.client(manual())
	k.send(producer, in, 0, 0, 100)
	k.send(producer, in, 1, 100, 200)
	all := append(options, kgo.SeedBrokers(k.bootstrap), kgo.TransactionalID(k.unique), committed(),
		kgo.ConsumerGroup(k.unique), kgo.ConsumeTopics(in), kgo.RequireStableFetchOffsets())
	s, err := kgo.NewGroupTransactSession(all...)
	k.must(err)
	defer s.CloseAllowingRebalance()
	copied, round := 0, 0
	for copied < 200 {
		fetches := s.PollRecords(k.ctx, 30)
		k.must(fetches.Err())
		k.must(s.Begin())
		fetches.EachRecord(func(record *kgo.Record) {
			s.Produce(k.ctx, &kgo.Record{Topic: out, Value: record.Value}, nil)
		})
		// Every third transaction is given up, and its records come again.
		round++
		isCommitted, err := s.End(k.ctx, kgo.TransactionEndTry(round%3 != 0))
		k.must(err)
		if isCommitted {
			copied += fetches.NumRecords()
		}
		k.step.Store(fmt.Sprintf("copied %d", copied))
	}
	seen := map[string]bool{}
	for _, value := range values(k.read(out, 0, 200, committed())) {
		k.check(!seen[value], "twice: "+value)
		seen[value] = true
	}
	offsets, err := k.admin().FetchOffsets(k.ctx, k.unique)
	k.must(err)
	for _, one := range offsets.Sorted() {
		k.same(one.At, int64(100), "committed offset")
	}
}

func fencing(k *kit) {
	topic := k.topic(1)
	zombie := k.transactional()
	k.must(zombie.BeginTransaction())
	k.send(zombie, topic, 0, 0, 5)
	heir := k.transactional()
	k.must(heir.BeginTransaction())
	k.send(heir, topic, 0, 10, 15)
	k.must(heir.EndTransaction(k.ctx, kgo.TryCommit))
	err := zombie.EndTransaction(k.ctx, kgo.TryCommit)
	isFenced := errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch)
	k.check(isFenced, fmt.Sprint("the zombie is fenced: ", err))
	k.same(values(k.read(topic, 0, 5, committed())), numbers(10, 15), "only the heir's records")
}

func timeout(k *kit) {
	topic := k.topic(1)
	producer := k.transactional(kgo.TransactionTimeout(1500 * time.Millisecond))
	k.must(producer.BeginTransaction())
	k.send(producer, topic, 0, 0, 5)
	k.send(k.client(), topic, 0, 5, 6)
	k.same(values(k.read(topic, 0, 1, committed())), numbers(5, 6), "the server aborted what took too long")
	k.check(producer.EndTransaction(k.ctx, kgo.TryCommit) != nil, "a commit after that fails")
}

func describe(k *kit) {
	topic := k.topic(1)
	producer := k.transactional()
	k.must(producer.BeginTransaction())
	k.send(producer, topic, 0, 0, 5)
	admin := k.admin()
	described, err := admin.DescribeTransactions(k.ctx, k.unique)
	k.must(err)
	k.same(described[k.unique].State, "Ongoing", "state")
	k.check(described[k.unique].Topics.Lookup(topic, 0), "partitions")
	listed, err := admin.ListTransactions(k.ctx, nil, []string{"Ongoing"})
	k.must(err)
	k.same(listed[k.unique].State, "Ongoing", "listed")
	k.must(producer.EndTransaction(k.ctx, kgo.TryCommit))
	k.until("complete", func() bool {
		described, err = admin.DescribeTransactions(k.ctx, k.unique)
		k.must(err)
		return described[k.unique].State == "CompleteCommit"
	})
}
