// Runs scenarios of franz-go against a server: franz <bootstrap> [scenario prefix ...].
// Prints a line for each, `ok <scenario>` or `failed <scenario> <why>`; a scenario has a minute.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

type scenario struct {
	name string
	run  func(k *kit)
}

func main() {
	bootstrap, wanted := os.Args[1], os.Args[2:]
	if crossDoor(bootstrap, wanted) {
		return
	}
	all := append(recordScenarios(), groupScenarios()...)
	all = append(all, adminScenarios()...)
	all = append(all, transactionScenarios()...)
	// Two at a time: most of a scenario is waiting, and the two must not disturb each other.
	lanes := make(chan struct{}, 2)
	var running sync.WaitGroup
	for _, one := range all {
		if !isWanted(one.name, wanted) {
			continue
		}
		running.Add(1)
		lanes <- struct{}{}
		go func() {
			defer running.Done()
			report(one, bootstrap)
			<-lanes
		}()
	}
	running.Wait()
}

func isWanted(name string, wanted []string) bool {
	for _, prefix := range wanted {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return len(wanted) == 0
}

func report(one scenario, bootstrap string) {
	started := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	k := newKit(ctx, bootstrap, one.name)
	done := make(chan error, 1)
	go func() {
		defer func() {
			if failure := recover(); failure != nil {
				done <- fmt.Errorf("after '%v': %v", k.step.Load(), failure)
			}
		}()
		defer k.close()
		one.run(k)
		done <- nil
	}()
	var err error
	select {
	case err = <-done:
	case <-time.After(70 * time.Second):
		err = fmt.Errorf("not done after 70 s, at: %v", k.step.Load())
	}
	spent := time.Since(started).Milliseconds()
	if err == nil {
		fmt.Printf("ok %s (%d ms)\n", one.name, spent)
	} else {
		fmt.Printf("failed %s %s (%d ms)\n", one.name, strings.ReplaceAll(err.Error(), "\n", " "), spent)
	}
}
