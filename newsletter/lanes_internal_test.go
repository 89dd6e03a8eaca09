package newsletter

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// However many hosts there are, no more than the lanes are asked at a time.
func TestSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		answer := make(chan struct{})
		var asking sync.WaitGroup
		asking.Go(func() {
			err := sideBySide(t.Context(), make([]string, 3*lanes), func(context.Context, string, *sync.Mutex) error {
				asked.Add(1)
				<-answer
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if n := asked.Load(); n != lanes {
			t.Errorf("%d hosts are asked at a time", n)
		}
		close(answer)
		asking.Wait()
		if n := asked.Load(); n != 3*lanes {
			t.Errorf("%d hosts were asked", n)
		}
	})
}
