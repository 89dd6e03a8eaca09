package feed

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"
)

const maxEncodings = 3

func (f Fetcher) limit() int64 {
	if f.MaxBytes == 0 {
		return maxBytes
	}
	return f.MaxBytes
}

func tooBig(limit int64) error { return fmt.Errorf("%w: the limit is %d bytes", ErrTooBig, limit) }

// read takes the body out of its encodings, counting what comes out.
func (f Fetcher) read(r io.Reader, encodings string) ([]byte, error) {
	limit := f.limit()
	list := strings.Split(encodings, ",")
	if len(list) > maxEncodings { // each costs a window of 32 KiB
		return nil, fmt.Errorf("decompressing the answer: it is encoded %d times over", len(list))
	}
	for i := len(list) - 1; i >= 0; i-- {
		var err error
		if r, err = decompress(r, strings.ToLower(strings.TrimSpace(list[i])), limit); err != nil {
			return nil, err
		}
	}
	return whole(r, limit)
}

// decompress undoes one encoding. What is inside one is limited too, so that an
// archive within an archive stops as soon.
func decompress(r io.Reader, encoding string, limit int64) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	switch encoding {
	case "", "identity":
		return r, nil
	case "gzip", "x-gzip":
		if _, err := buffered.Peek(1); err == io.EOF {
			return nil, ErrEmpty
		}
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("decompressing the answer: %w", err)
		}
		return &capped{z, limit}, nil
	case "deflate":
		// RFC 9110 section 8.4.1.2 means zlib; some servers send the bare stream.
		head, _ := buffered.Peek(2)
		if len(head) == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			z, err := zlib.NewReader(buffered)
			if err != nil {
				return nil, fmt.Errorf("decompressing the answer: %w", err)
			}
			return &capped{z, limit}, nil
		}
		return &capped{flate.NewReader(buffered), limit}, nil
	}
	return nil, fmt.Errorf("decompressing the answer: the encoding %q was not asked for", encoding)
}

// capped fails with ErrTooBig where its limit is passed.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, ErrTooBig
	}
	return n, err
}

func whole(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(&capped{r, limit})
	switch {
	case errors.Is(err, ErrTooBig):
		return nil, tooBig(limit)
	case err != nil:
		return nil, fmt.Errorf("reading the answer: %w", err)
	case len(strings.TrimSpace(string(body[:min(len(body), 512)]))) == 0 && len(body) <= 512:
		return nil, ErrEmpty
	}
	return body, nil
}
