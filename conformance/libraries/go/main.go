// The adaptor for cloudsoda's go-smb2, which rclone uses; ../README.md has the line protocol.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cloudsoda/go-smb2"
)

var errCannot = errors.New("the library has no call for this")

var dialects = map[string]uint16{
	"any": 0, "2.0.2": 0x0202, "2.1": 0x0210, "3.0": 0x0300, "3.0.2": 0x0302, "3.1.1": 0x0311,
}

type adaptor struct {
	session *smb2.Session
	share   *smb2.Share
}

// A command gets its words and gives those behind `ok`.
type command func(words []string) ([]string, error)

func main() {
	out := bufio.NewWriter(os.Stdout)
	a, err := logOn(os.Args[1:])
	answer(out, nil, err)
	if err != nil {
		return
	}
	commands := a.commands()
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		words, err := decoded(strings.TrimSuffix(line, "\n"))
		var found []string
		if err == nil {
			found, err = run(commands[words[0]], words[1:])
		}
		answer(out, found, err)
		if words[0] == "quit" {
			return
		}
	}
}

func run(call command, words []string) (found []string, err error) {
	defer func() { // a library that panics has failed, and no more
		if problem := recover(); problem != nil {
			err = fmt.Errorf("panic: %v", problem)
		}
	}()
	if call == nil {
		return nil, errCannot
	}
	return call(words)
}

func decoded(line string) ([]string, error) {
	words := strings.Split(line, "\t")
	for at, word := range words {
		plain, err := url.PathUnescape(word)
		if err != nil {
			return words, err
		}
		words[at] = plain
	}
	return words, nil
}

func encoded(word string) string {
	var text strings.Builder
	for _, b := range []byte(word) {
		if b < 0x80 && (b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z' || strings.IndexByte("-._~", b) >= 0) {
			text.WriteByte(b)
		} else {
			fmt.Fprintf(&text, "%%%02X", b)
		}
	}
	return text.String()
}

func answer(out *bufio.Writer, words []string, err error) {
	switch {
	case err == nil:
		out.WriteString("ok")
	case errors.Is(err, errCannot):
		out.WriteString("cannot")
		words = nil
	default:
		out.WriteString("failed")
		words = []string{err.Error()}
	}
	for _, word := range words {
		out.WriteString("\t" + encoded(word))
	}
	out.WriteString("\n")
	out.Flush()
}

func logOn(words []string) (*adaptor, error) {
	if len(words) != 7 {
		return nil, errors.New("HOST PORT USER PASSWORD SHARE DIALECT PROTECTION")
	}
	host, port, user, password, share := words[0], words[1], words[2], words[3], words[4]
	dialect, protection := words[5], words[6]
	dialer := smb2.Dialer{
		Negotiator: smb2.Negotiator{SpecifiedDialect: dialects[dialect], RequireMessageSigning: protection == "signed"},
		Initiator:  &smb2.NTLMInitiator{User: user, Password: password},
	}
	session, err := dialer.Dial(context.Background(), net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	mounted, err := session.Mount(share)
	if err != nil {
		return nil, err
	}
	return &adaptor{session, mounted}, nil
}

func (a *adaptor) commands() map[string]command {
	return map[string]command{
		"put":      a.put,
		"get":      a.get,
		"list":     a.list,
		"stat":     a.stat,
		"mkdir":    func(words []string) ([]string, error) { return nil, a.share.Mkdir(words[0], 0o777) },
		"rmdir":    func(words []string) ([]string, error) { return nil, a.share.Remove(words[0]) },
		"remove":   func(words []string) ([]string, error) { return nil, a.share.Remove(words[0]) },
		"rename":   func(words []string) ([]string, error) { return nil, a.share.Rename(words[0], words[1]) },
		"read":     a.read,
		"write":    a.write,
		"truncate": a.truncate,
		"touch":    a.touch,
		"space":    a.space,
		"shares":   func([]string) ([]string, error) { return a.session.ListSharenames() },
		"quit":     func([]string) ([]string, error) { return nil, a.session.Logoff() },
	}
}

func (a *adaptor) put(words []string) ([]string, error) {
	source, err := os.Open(words[0])
	if err != nil {
		return nil, err
	}
	defer source.Close()
	file, err := a.share.Create(words[1])
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(file, source)
	return nil, errors.Join(err, file.Close())
}

func (a *adaptor) get(words []string) ([]string, error) {
	file, err := a.share.Open(words[0])
	if err != nil {
		return nil, err
	}
	defer file.Close()
	target, err := os.Create(words[1])
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(target, file)
	return nil, errors.Join(err, target.Close())
}

func (a *adaptor) list(words []string) ([]string, error) {
	entries, err := a.share.ReadDir(words[0])
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		found = append(append(found, entry.Name()), described(entry)...)
	}
	return found, nil
}

func (a *adaptor) stat(words []string) ([]string, error) {
	entry, err := a.share.Stat(words[0])
	if err != nil {
		return nil, err
	}
	return described(entry), nil
}

func described(entry os.FileInfo) []string {
	kind := "file"
	if entry.IsDir() {
		kind = "folder"
	}
	return []string{kind, number(entry.Size()), number(entry.ModTime().Unix())}
}

func (a *adaptor) read(words []string) ([]string, error) {
	offset, length, err := numbers(words[1], words[2])
	if err != nil {
		return nil, err
	}
	file, err := a.share.Open(words[0])
	if err != nil {
		return nil, err
	}
	defer file.Close()
	piece, err := io.ReadAll(io.NewSectionReader(file, offset, length))
	if err != nil {
		return nil, err
	}
	return nil, os.WriteFile(words[3], piece, 0o666)
}

func (a *adaptor) write(words []string) ([]string, error) {
	offset, _, err := numbers(words[1], "0")
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(words[2])
	if err != nil {
		return nil, err
	}
	file, err := a.share.OpenFile(words[0], os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	_, err = file.WriteAt(content, offset)
	return nil, errors.Join(err, file.Close())
}

func (a *adaptor) truncate(words []string) ([]string, error) {
	size, _, err := numbers(words[1], "0")
	if err != nil {
		return nil, err
	}
	return nil, a.share.Truncate(words[0], size)
}

func (a *adaptor) touch(words []string) ([]string, error) {
	seconds, _, err := numbers(words[1], "0")
	if err != nil {
		return nil, err
	}
	when := time.Unix(seconds, 0)
	return nil, a.share.Chtimes(words[0], when, when)
}

func (a *adaptor) space([]string) ([]string, error) {
	volume, err := a.share.Statfs("")
	if err != nil {
		return nil, err
	}
	all, free := volume.BlockSize()*volume.TotalBlockCount(), volume.BlockSize()*volume.AvailableBlockCount()
	return []string{number(int64(all)), number(int64(free))}, nil
}

func number(value int64) string {
	return strconv.FormatInt(value, 10)
}

func numbers(one, other string) (int64, int64, error) {
	first, err := strconv.ParseInt(one, 10, 64)
	second, problem := strconv.ParseInt(other, 10, 64)
	return first, second, errors.Join(err, problem)
}
