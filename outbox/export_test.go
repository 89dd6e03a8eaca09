package outbox

// Kept is how many limits of domains that are not named are in memory.
func (d *Domains) Kept() int { return len(d.other) }
