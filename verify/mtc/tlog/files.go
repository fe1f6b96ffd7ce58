package tlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Open gives the files of a log: those in a directory, or below a URL that
// begins with https:// or http://. Nothing in them is trusted, so that it does
// not matter which.
func Open(place string) fs.FS {
	if strings.HasPrefix(place, "https://") || strings.HasPrefix(place, "http://") {
		return web{strings.TrimSuffix(place, "/")}
	}
	return os.DirFS(place)
}

// readFile reads a file of at most so many bytes.
func readFile(files fs.FS, name string, most int) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(content) > most {
		return nil, fmt.Errorf("%s: it has more than %d bytes", name, most)
	}
	return content, nil
}

// web is a place on the web as a file system, from which files can be read.
type web struct{ url string }

var client = &http.Client{Timeout: 30 * time.Second}

func (w web) Open(name string) (fs.File, error) {
	response, err := client.Get(w.url + "/" + name)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		if response.StatusCode == http.StatusNotFound {
			return nil, fmt.Errorf("%s/%s: %w", w.url, name, fs.ErrNotExist)
		}
		return nil, fmt.Errorf("%s/%s: %s", w.url, name, response.Status)
	}
	return webFile{response.Body}, nil
}

type webFile struct{ io.ReadCloser }

func (webFile) Stat() (fs.FileInfo, error) { return nil, errors.ErrUnsupported }

// writeFile writes a file of a log's.
func writeFile(dir, name string, content []byte) error {
	name = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return Replace(name, 0o644, content)
}

// Replace writes a file anew, whole or not at all: half of it would be in the way of all
// that comes.
func Replace(name string, mode fs.FileMode, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
