package config

import (
	"strings"
	"testing"
)

func TestLengths(t *testing.T) {
	long := strings.Repeat("ä", hostMax)
	if !isHost(long) || isHost(long+"ä") {
		t.Error("a host has at most 253 characters")
	}
	local := strings.Repeat("ö", localMax)
	if !isAddress(local+"@"+long) || isAddress(local+"ö@"+long) || isAddress(local+"@"+long+"ä") {
		t.Error("an address has at most 64 and 253 characters")
	}
}
