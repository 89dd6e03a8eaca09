package demo

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"sync"
)

// maxPicture is the most a picture may weigh, in bytes: a mail shows several.
const maxPicture = 60_000

// drawings are the blog's pictures by file name. Each is drawn once, when
// first asked for, and always comes out the same.
func drawings() map[string]func() ([]byte, error) {
	return map[string]func() ([]byte, error){
		"hills.jpg":  sync.OnceValues(func() ([]byte, error) { return photograph(drawHills()) }),
		"clouds.jpg": sync.OnceValues(func() ([]byte, error) { return photograph(drawClouds()) }),
		"trails.jpg": sync.OnceValues(func() ([]byte, error) { return photograph(drawTrails()) }),
		"moon.jpg":   sync.OnceValues(func() ([]byte, error) { return photograph(drawMoon()) }),
		"river.jpg":  sync.OnceValues(func() ([]byte, error) { return photograph(drawRiver()) }),
		"north.png":  sync.OnceValues(func() ([]byte, error) { return chart(drawNorth()) }),
		"shapes.png": sync.OnceValues(func() ([]byte, error) { return chart(drawShapes()) }),
	}
}

// photograph encodes as JPEG, at the best quality that stays within maxPicture.
func photograph(c *canvas) ([]byte, error) {
	img := c.image()
	for quality := 88; quality >= 20; quality -= 4 {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
			return nil, fmt.Errorf("encoding a picture: %w", err)
		}
		if b.Len() <= maxPicture {
			return b.Bytes(), nil
		}
	}
	return nil, fmt.Errorf("encoding a picture: more than %d bytes at any quality", maxPicture)
}

// chart encodes as PNG with the few colours a chart is made of.
func chart(c *canvas) ([]byte, error) {
	const steps = 48
	var colours color.Palette
	for i := range steps {
		t := float64(i) / (steps - 1)
		colours = append(colours, mix(paper, chalk, t).colour(), mix(paper, amber, t).colour())
	}
	img := image.NewPaletted(image.Rect(0, 0, width, height), colours)
	draw.Draw(img, img.Bounds(), c.image(), image.Point{}, draw.Src)
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	if err := e.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("encoding a chart: %w", err)
	}
	return b.Bytes(), nil
}

var (
	paper = rgb{0.07, 0.10, 0.20}
	chalk = rgb{0.93, 0.95, 1.00}
	amber = rgb{1.00, 0.76, 0.42}
)

func drawHills() *canvas {
	c := newCanvas()
	c.sky(rgb{0.03, 0.05, 0.14}, rgb{0.13, 0.18, 0.36}, rgb{0.93, 0.58, 0.42})
	c.stars(11, 260, 0.62)
	c.hills(1, 430, 70, rgb{0.20, 0.20, 0.33})
	c.hills(2, 490, 60, rgb{0.12, 0.13, 0.23})
	c.hills(3, 555, 45, rgb{0.05, 0.06, 0.12})
	return c
}

func drawClouds() *canvas {
	c := newCanvas()
	c.sky(rgb{0.05, 0.07, 0.14}, rgb{0.12, 0.15, 0.24}, rgb{0.20, 0.22, 0.30})
	const mx, my = 760, 250
	c.disc(mx, my, 52, rgb{0.98, 0.95, 0.86}, 1)
	c.each(func(x, y float64, p *rgb) {
		d := math.Hypot(x-mx, y-my)
		cover := smooth(0.34, 0.78, fbm(x/310, y/150, 5, 7))
		lit := math.Exp(-d / 190)
		cloud := mix(rgb{0.13, 0.15, 0.22}, rgb{0.86, 0.80, 0.70}, 0.9*lit+0.12*cover)
		*p = mix(*p, cloud, 0.25+0.62*cover)
		// The corona: a warm ring where the droplets bend the light.
		ring := math.Exp(-math.Pow((d-118)/26, 2))
		p.add(rgb{0.85, 0.45, 0.28}, 0.16*ring)
		p.add(chalk, 0.5*math.Exp(-d/60))
	})
	c.hills(5, 585, 26, rgb{0.03, 0.04, 0.07})
	return c
}

func drawTrails() *canvas {
	c := newCanvas()
	c.sky(rgb{0.02, 0.04, 0.12}, rgb{0.06, 0.11, 0.25}, rgb{0.20, 0.29, 0.44})
	r := rand.New(rand.NewPCG(3, 14))
	const cx, cy = 640, 260
	for range 260 {
		radius := 8 + 800*math.Sqrt(r.Float64())
		from, light := 2*math.Pi*r.Float64(), 0.12+0.6*math.Pow(r.Float64(), 3)
		colour := mix(rgb{0.72, 0.84, 1}, rgb{1, 0.86, 0.66}, r.Float64())
		// Ninety minutes at fifteen degrees an hour.
		const turn = 22.5 * math.Pi / 180
		step := 0.8 / radius
		for a := from; a < from+turn; a += step {
			c.glow(cx+radius*math.Cos(a), cy+radius*math.Sin(a), 0.75, colour, light)
		}
	}
	c.glow(cx+3, cy+2, 2.2, chalk, 0.9)
	c.trees(9, 560)
	return c
}

func drawMoon() *canvas {
	c := newCanvas()
	c.sky(rgb{0.06, 0.08, 0.22}, rgb{0.22, 0.22, 0.45}, rgb{0.96, 0.66, 0.50})
	c.stars(21, 90, 0.5)
	const mx, my, mr = 420, 230, 92
	c.each(func(x, y float64, p *rgb) {
		d := math.Hypot(x-mx, y-my)
		p.add(rgb{0.9, 0.8, 0.7}, 0.16*math.Exp(-math.Max(0, d-mr)/70))
		disc := 1 - smooth(mr-1, mr+1, d)
		// Earthshine on the dark side, sunlight outside a shifted circle.
		lit := disc * smooth(mr-6, mr+8, math.Hypot(x-mx+40, y-my+14))
		maria := 0.75 + 0.25*fbm(x/36, y/36, 4, 5)
		*p = mix(*p, rgb{0.30 * maria, 0.32 * maria, 0.46 * maria}, 0.85*disc)
		*p = mix(*p, rgb{1.0, 0.96 * (0.85 + 0.15*maria), 0.84}, lit)
	})
	c.hills(33, 520, 60, rgb{0.20, 0.15, 0.27})
	c.hills(36, 580, 40, rgb{0.07, 0.06, 0.12})
	return c
}

func drawRiver() *canvas {
	c := newCanvas()
	c.sky(rgb{0.02, 0.03, 0.10}, rgb{0.05, 0.08, 0.20}, rgb{0.16, 0.22, 0.34})
	c.each(func(x, y float64, p *rgb) {
		// Distance from a line that leans across the sky, worn ragged by noise.
		d := (x - 560 - (300-y)*0.9) / 1.35
		d += 70 * (fbm(x/170, y/170, 4, 41) - 0.5)
		band := math.Exp(-d * d / (2 * 105 * 105))
		dust := smooth(0.50, 0.72, fbm(x/120+9, y/120, 5, 43)) * math.Exp(-d*d/(2*60*60))
		light := band * (0.45 + 0.55*fbm(x/80, y/80, 4, 47)) * (1 - 0.75*dust)
		p.add(mix(rgb{0.55, 0.62, 0.90}, rgb{1.0, 0.80, 0.66}, light), 0.62*light)
	})
	c.stars(51, 420, 0.85)
	c.hills(52, 500, 80, rgb{0.06, 0.08, 0.14})
	c.hills(57, 570, 50, rgb{0.02, 0.03, 0.06})
	return c
}

// dot is a star on a chart.
type dot struct{ x, y, size float64 }

// bigDipper runs from the lip of the bowl to the end of the handle.
func bigDipper() []dot {
	return []dot{{430, 262, 9}, {415, 372, 8}, {272, 392, 8}, {258, 302, 6}, {176, 268, 9}, {112, 246, 8}, {48, 300, 9}}
}

func drawNorth() *canvas {
	c := newChart()
	d := bigDipper()
	for i := range d {
		d[i].x += 300
		d[i].y += 190
	}
	const px, py = 805, 60
	for s := 0.0; s < 1; s += 0.04 {
		c.line(lerp(d[1].x, px, s), lerp(d[1].y, py, s), lerp(d[1].x, px, s+0.02), lerp(d[1].y, py, s+0.02), 2, amber, 0.9)
	}
	c.figure(d, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 0}, {3, 4}, {4, 5}, {5, 6}})
	c.disc(px, py, 20, amber, 0.25)
	c.disc(px, py, 9, amber, 1)
	return c
}

func drawShapes() *canvas {
	c := newChart()
	for _, r := range []float64{110, 220, 330} {
		c.ring(600, 315, r, 1, chalk, 0.14)
	}
	d := bigDipper()
	lip := d[0]
	for i := range d { // a quarter turn about the lip, which then points at the pole
		x, y := d[i].x-lip.x, d[i].y-lip.y
		d[i] = dot{262 - 0.62*y, 270 + 0.62*x, d[i].size}
	}
	c.figure(d, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 0}, {3, 4}, {4, 5}, {5, 6}})
	c.figure([]dot{{905, 195, 8}, {850, 270, 9}, {925, 318, 9}, {868, 392, 8}, {930, 460, 7}}, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}})
	c.figure([]dot{{600, 315, 9}, {560, 262, 5}, {536, 214, 5}, {500, 172, 5}, {448, 160, 5}, {462, 98, 8}, {516, 108, 7}},
		[][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 6}, {6, 3}})
	c.figure([]dot{{728, 177, 7}, {740, 106, 6}, {791, 51, 6}, {849, 105, 6}, {798, 160, 7}},
		[][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 0}, {1, 4}})
	c.figure([]dot{{330, 215, 5}, {372, 130, 6}, {395, 60, 6}, {520, 34, 6}, {610, 70, 6}, {640, 130, 5}}, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}})
	c.disc(600, 315, 18, amber, 0.28)
	c.disc(600, 315, 9, amber, 1)
	return c
}
