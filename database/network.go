package database

import (
	"fmt"
	"strings"
)

// mount is where a file lies, as the system tells it.
type mount struct {
	magic   uint32 // statfs f_type; 0 where the system has none
	kind    string // "ext4", "fuse.sshfs"; "" when it could not be found out
	options string // of the mounted file system, by commas
}

// networked names the network file system m is, or returns "". A lock taken on
// one of these may not hold against another machine, and WAL needs memory
// shared by all that use the file (https://sqlite.org/wal.html, section 1).
//
// FUSE and 9P are both: only those kinds of them are refused that are known to
// reach another machine or another kernel.
func networked(m mount) string {
	switch m.magic {
	case 0x6969:
		return "NFS"
	case 0x517b:
		return "SMB"
	case 0xff534d42, 0xfe534d42:
		return "CIFS"
	case 0x5346414f, 0x6b414653:
		return "AFS"
	case 0x73757245:
		return "Coda"
	case 0x564c:
		return "NCP"
	case 0x00c36400:
		return "Ceph"
	case 0x01161970:
		return "GFS2"
	case 0x7461636f:
		return "OCFS2"
	case 0x0bd00bd0:
		return "Lustre"
	case 0x47504653:
		return "GPFS"
	case 0x19830326:
		return "BeeGFS"
	}
	return networkedKind(m.kind, m.options)
}

func networkedKind(kind, options string) string {
	switch kind {
	case "nfs", "nfs4", "smbfs", "smb3", "cifs", "afpfs", "afs", "webdav", "ceph", "lustre", "glusterfs", "davfs", "ncpfs":
		return kind
	case "9p":
		for option := range strings.SplitSeq(options, ",") {
			// "fd" is also how a sandbox reaches the files of its own machine.
			if option == "trans=virtio" || option == "trans=tcp" || option == "trans=rdma" ||
				strings.HasPrefix(option, "aname=drvfs") {
				return kind
			}
		}
	}
	switch name, _ := strings.CutPrefix(kind, "fuse."); name {
	case "sshfs", "glusterfs", "s3fs", "goofys", "gcsfuse", "blobfuse", "blobfuse2", "rclone", "davfs", "ceph", "ceph-fuse", "curlftpfs", "juicefs",
		"moosefs", "mfsmount", "smbnetfs", "vmhgfs-fuse", "gvfsd-fuse", "seaweedfs":
		return kind
	}
	return ""
}

// refuseNetwork looks at the file system a file or directory lies on. Where the
// system does not tell, it passes: WAL is still read back on every connection.
func refuseNetwork(path string) error {
	m, err := mountOf(path)
	if err != nil {
		return err
	}
	if name := networked(m); name != "" {
		return fmt.Errorf("%w (%s)", ErrNetworkFS, name)
	}
	return nil
}

// findMount picks the line of /proc/self/mountinfo for a device, given as
// "major:minor" (proc_pid_mountinfo(5)), and returns its kind and options.
func findMount(mountinfo, device string) (kind, options string) {
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		head, tail := strings.Fields(before), strings.Fields(after)
		if ok && len(head) >= 3 && head[2] == device && len(tail) >= 1 {
			kind = tail[0]
			options = tail[len(tail)-1]
		}
	}
	return kind, options
}
