package demo

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// Pictures are twice as wide as a mail's column, for screens that are dense.
const (
	width  = 1200
	height = 630
)

// rgb is a colour with channels from 0 to 1. More than 1 is cut when encoded.
type rgb [3]float64

func (p *rgb) add(q rgb, amount float64) {
	for i := range p {
		p[i] += q[i] * amount
	}
}

// mix leads from a (t = 0) to b (t = 1).
func mix(a, b rgb, t float64) rgb {
	t = min(1, max(0, t))
	return rgb{lerp(a[0], b[0], t), lerp(a[1], b[1], t), lerp(a[2], b[2], t)}
}

func lerp(a, b, t float64) float64 { return a + (b-a)*t }

// smooth rises from 0 at from to 1 at to, without corners.
func smooth(from, to, x float64) float64 {
	t := min(1, max(0, (x-from)/(to-from)))
	return t * t * (3 - 2*t)
}

// canvas is a picture being drawn; y grows downwards.
type canvas struct{ pix []rgb }

func newCanvas() *canvas { return &canvas{pix: make([]rgb, width*height)} }

// newChart is a canvas with the plain ground of a star chart.
func newChart() *canvas {
	c := newCanvas()
	for i := range c.pix {
		c.pix[i] = paper
	}
	r := rand.New(rand.NewPCG(8, 8))
	for range 140 {
		c.disc(width*r.Float64(), height*r.Float64(), 1+r.Float64(), chalk, 0.35)
	}
	return c
}

func (c *canvas) image() image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i, p := range c.pix {
		img.SetNRGBA(i%width, i/width, p.colour())
	}
	return img
}

func (p rgb) colour() color.NRGBA {
	return color.NRGBA{level(p[0]), level(p[1]), level(p[2]), 255}
}

func level(v float64) uint8 { return uint8(255*min(1, max(0, v)) + 0.5) }

// each visits every pixel.
func (c *canvas) each(f func(x, y float64, p *rgb)) {
	for i := range c.pix {
		f(float64(i%width), float64(i/width), &c.pix[i])
	}
}

// near visits the pixels within r of a box.
func (c *canvas) near(x0, y0, x1, y1, r float64, f func(x, y float64, p *rgb)) {
	left, right := max(0, int(min(x0, x1)-r)), min(width-1, int(max(x0, x1)+r)+1)
	top, bottom := max(0, int(min(y0, y1)-r)), min(height-1, int(max(y0, y1)+r)+1)
	for y := top; y <= bottom; y++ {
		for x := left; x <= right; x++ {
			f(float64(x), float64(y), &c.pix[y*width+x])
		}
	}
}

// sky fills the canvas from the zenith to the horizon.
func (c *canvas) sky(top, middle, bottom rgb) {
	c.each(func(_, y float64, p *rgb) {
		t := y / height
		*p = mix(mix(top, middle, smooth(0, 0.65, t)), bottom, math.Pow(smooth(0.3, 1, t), 1.6))
	})
}

// stars sprinkles stars over the upper part of the canvas, most of them faint.
func (c *canvas) stars(seed uint64, n int, part float64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range n {
		x, y := width*r.Float64(), height*part*math.Pow(r.Float64(), 1.2)
		light := 0.15 + math.Pow(r.Float64(), 4)
		fade := 1 - 0.7*y/(height*part)
		c.glow(x, y, 0.7+0.9*light, mix(rgb{0.78, 0.87, 1}, rgb{1, 0.9, 0.76}, r.Float64()), light*fade)
	}
}

// glow adds a soft point of light.
func (c *canvas) glow(x, y, r float64, colour rgb, light float64) {
	c.near(x, y, x, y, 3*r, func(px, py float64, p *rgb) {
		d := (px-x)*(px-x) + (py-y)*(py-y)
		p.add(colour, light*math.Exp(-d/(2*r*r)))
	})
}

// hills paints a ridge of about the given height over everything below it.
func (c *canvas) hills(seed uint64, base, swing float64, colour rgb) {
	for x := range width {
		ridge := base + swing*2*(fbm(float64(x)/260, 0.5, 5, seed)-0.5)
		c.below(x, ridge, colour)
	}
}

// trees paints a tree line: a low ridge with tips.
func (c *canvas) trees(seed uint64, base float64) {
	for x := range width {
		fx := float64(x)
		ridge := base + 40*(fbm(fx/200, 0.5, 3, seed)-0.5)
		tip := math.Abs(math.Mod(fx/23+2*fbm(fx/60, 2.5, 2, seed), 1)-0.5) * 2
		ridge -= 26 * tip * fbm(fx/37, 1.5, 2, seed+1)
		c.below(x, ridge, rgb{0.02, 0.03, 0.06})
	}
}

// below paints one column from y down, with a soft upper edge.
func (c *canvas) below(x int, y float64, colour rgb) {
	for row := max(0, int(y)); row < height; row++ {
		p := &c.pix[row*width+x]
		*p = mix(*p, colour, float64(row)+1-y)
	}
}

func (c *canvas) disc(x, y, r float64, colour rgb, alpha float64) {
	c.near(x, y, x, y, r+1, func(px, py float64, p *rgb) {
		*p = mix(*p, colour, alpha*(1-smooth(r-0.7, r+0.7, math.Hypot(px-x, py-y))))
	})
}

func (c *canvas) ring(x, y, r, thick float64, colour rgb, alpha float64) {
	c.near(x, y, x, y, r+thick+1, func(px, py float64, p *rgb) {
		d := math.Abs(math.Hypot(px-x, py-y) - r)
		*p = mix(*p, colour, alpha*(1-smooth(thick/2, thick/2+1, d)))
	})
}

func (c *canvas) line(x0, y0, x1, y1, thick float64, colour rgb, alpha float64) {
	dx, dy := x1-x0, y1-y0
	c.near(x0, y0, x1, y1, thick+1, func(px, py float64, p *rgb) {
		t := min(1, max(0, ((px-x0)*dx+(py-y0)*dy)/(dx*dx+dy*dy)))
		d := math.Hypot(px-x0-t*dx, py-y0-t*dy)
		*p = mix(*p, colour, alpha*(1-smooth(thick/2, thick/2+1, d)))
	})
}

// figure draws a constellation: its lines, then its stars over their ends.
func (c *canvas) figure(stars []dot, lines [][2]int) {
	for _, l := range lines {
		a, b := stars[l[0]], stars[l[1]]
		c.line(a.x, a.y, b.x, b.y, 1.6, chalk, 0.38)
	}
	for _, s := range stars {
		c.disc(s.x, s.y, s.size*1.5, paper, 1)
		c.disc(s.x, s.y, s.size*0.8, chalk, 1)
	}
}

// fbm is fractal noise from 0 to 1 (mostly 0.2 to 0.8): octaves of value
// noise, each twice as fine and half as strong as the one before.
func fbm(x, y float64, octaves int, seed uint64) float64 {
	sum, weight, total := 0.0, 1.0, 0.0
	for i := range octaves {
		sum += weight * noise(x, y, seed+uint64(i)*101)
		total += weight
		weight /= 2
		x, y = x*2, y*2
	}
	return sum / total
}

func noise(x, y float64, seed uint64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int64(fx), int64(fy)
	tx, ty := smooth(0, 1, x-fx), smooth(0, 1, y-fy)
	return lerp(
		lerp(corner(ix, iy, seed), corner(ix+1, iy, seed), tx),
		lerp(corner(ix, iy+1, seed), corner(ix+1, iy+1, seed), tx), ty)
}

// corner hashes a grid point to 0…1 (the finaliser of SplitMix64).
func corner(x, y int64, seed uint64) float64 {
	h := uint64(x)*0x9e3779b97f4a7c15 ^ uint64(y)*0xc2b2ae3d27d4eb4f ^ seed*0x165667b19e3779f9
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return float64(h>>40) / (1 << 24)
}
