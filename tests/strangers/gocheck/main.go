// Checks an exported log, and proofs of single entries, with golang.org/x/mod/sumdb/note and sumdb/tlog.
//
//	gocheck VKEY DIR [PROOF ENTRY]...
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// checkpoint verifies a signed checkpoint and gives the tree that it says.
func checkpoint(signed []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	must(err)
	if len(opened.Sigs) == 0 {
		log.Fatal("no signature by the key")
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		log.Fatalf("no checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

// tiles reads the tiles of a static folder.
type tiles struct{ dir string }

func (t tiles) Height() int                        { return 8 }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte)    {}
func (t tiles) path(tile tlog.Tile) string         { return strings.Replace(tile.Path(), "tile/8/", "tile/", 1) }
func (t tiles) ReadTiles(all []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range all {
		data, err := os.ReadFile(filepath.Join(t.dir, t.path(tile)))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", t.path(tile), len(data))
		}
		out = append(out, data)
	}
	return out, nil
}

// entries splits the entry bundles.
func entries(dir string, size int64) [][]byte {
	var out [][]byte
	for n := int64(0); n*256 < size; n++ {
		tile := tlog.Tile{H: 8, L: 0, N: n, W: int(min(256, size-n*256))}
		path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(dir, path))
		must(err)
		for w := 0; w < tile.W; w++ {
			length := int(binary.BigEndian.Uint16(data))
			out = append(out, data[2:2+length])
			data = data[2+length:]
		}
		if len(data) != 0 {
			log.Fatalf("%s: bytes behind the last entry", path)
		}
	}
	return out
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func exported(verifier note.Verifier, dir string) {
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err)
	tree := checkpoint(signed, verifier)
	reader := tlog.TileHashReader(tree, tiles{dir})
	root, err := tlog.TreeHash(tree.N, reader)
	must(err)
	if root != tree.Hash {
		log.Fatal("the tiles lead to another root")
	}
	all := entries(dir, tree.N)
	for index, entry := range all {
		proof, err := tlog.ProveRecord(tree.N, int64(index), reader)
		must(err)
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(index), tlog.RecordHash(entry)))
	}
	grown := 0
	for size := int64(1); size <= tree.N; size += 1 + size/7 {
		older, err := tlog.TreeHash(size, reader)
		must(err)
		proof, err := tlog.ProveTree(tree.N, size, reader)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, size, older))
		grown++
	}
	fmt.Printf("log of %d entries: signature, root, %d records, %d earlier trees\n", tree.N, len(all), grown)
}

func proven(verifier note.Verifier, file, entryFile string) {
	data, err := os.ReadFile(file)
	must(err)
	entry, err := os.ReadFile(entryFile)
	must(err)
	head, signed, found := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		log.Fatalf("%s: no proof file", file)
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	must(err)
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		must(err)
		var h tlog.Hash
		if copy(h[:], hash) != len(h) || len(hash) != len(h) {
			log.Fatalf("%s: a hash of %d bytes", file, len(hash))
		}
		proof = append(proof, h)
	}
	tree := checkpoint(signed, verifier)
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	fmt.Printf("proof of entry %d in %d\n", index, tree.N)
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 || len(os.Args)%2 == 0 {
		log.Fatal("usage: gocheck VKEY DIR [PROOF ENTRY]...")
	}
	verifier, err := note.NewVerifier(os.Args[1])
	must(err)
	exported(verifier, os.Args[2])
	for n := 3; n < len(os.Args); n += 2 {
		proven(verifier, os.Args[n], os.Args[n+1])
	}
}
