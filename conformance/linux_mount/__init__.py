"""Linux's own SMB client, the kernel's `cifs`, in an emulated machine: mount a share and use it as programs do."""
