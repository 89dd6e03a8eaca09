package outbox

// Flock is flock.
var Flock = flock

// Ballast is ballast.
var Ballast = ballast

// Unlock is unlock.
var Unlock = unlock

// Kept is how many limits of domains that are not named are in memory.
func (d *Domains) Kept() int { return len(d.other) }
