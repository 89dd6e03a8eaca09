package config_test

import (
	"fmt"
	"os"
	"path/filepath"

	"digest/config"
)

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "config")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "digest.toml")
	sample := config.Sample(config.Values{Name: "Notes from the shed", Every: "month", Timezone: "Europe/Berlin"})
	if err := os.WriteFile(path, sample, 0o600); err != nil {
		fmt.Println(err)
		return
	}
	c, err := config.Load(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range c.Digests {
		fmt.Println(d.Name+":", d.Schedule)
	}
	fmt.Println(c.Sender().Name)
	// Output:
	// monthly: every month on the 1st at 09:00 Europe/Berlin
	// Notes from the shed
}
