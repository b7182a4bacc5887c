// SPDX-License-Identifier: GPL-2.0-only
/*
 * device.c - /dev/ioready: sources as files, ioctls, batches.
 *
 * LOCKING: none of its own. A file holds its source from open to release; a batch
 * holds a reference on each member's file while it is checked and made.
 */
#include "device.h"

#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "source.h"

static unsigned int batch_max = 4096;
module_param(batch_max, uint, 0644);
MODULE_PARM_DESC(batch_max, "members of one batch (4096)");

static const struct file_operations device_fops;

static int device_open(struct inode *inode, struct file *file)
{
	struct ioready_source *source = ioready_source_create();

	if (IS_ERR(source))
		return PTR_ERR(source);
	file->private_data = source;
	/* read() obeys IOCB_NOWAIT, which io_uring asks for first. */
	file->f_mode |= FMODE_NOWAIT;
	return stream_open(inode, file);
}

static int device_release(struct inode *inode, struct file *file)
{
	/* The caller has taken us off the list of who wants SIGIO already. */
	ioready_source_destroy(file->private_data);
	return 0;
}

static ssize_t device_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct ioready_readiness readiness;
	int ret;

	if (iov_iter_count(to) < sizeof(readiness))
		return -EINVAL;
	ret = ioready_source_take(file->private_data, &readiness,
				  file->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT);
	if (ret <= 0)
		return ret;
	if (copy_to_iter(&readiness, sizeof(readiness), to) != sizeof(readiness))
		return -EFAULT;
	return sizeof(readiness);
}

/* A name of its own among all ->poll() functions: tracers hook them by name. */
static __poll_t ioready_device_poll(struct file *file, poll_table *table)
{
	return ioready_source_poll(file->private_data, file, table);
}

static int device_fasync(int fd, struct file *file, int on)
{
	return ioready_source_fasync(file->private_data, fd, file, on);
}

static long info_get(struct ioready_info __user *to)
{
	struct ioready_info info = {
		.version = IOREADY_ABI_VERSION,
		.events = IOREADY_EVENTS,
		.batch_max = READ_ONCE(batch_max),
	};

	info.sources = ioready_sources(&info.sources_max);
	return copy_to_user(to, &info, sizeof(info)) ? -EFAULT : 0;
}

static long counters_get(struct ioready_source *source, struct ioready_counters __user *to)
{
	struct ioready_counters counters;

	ioready_source_count(source, &counters);
	return copy_to_user(to, &counters, sizeof(counters)) ? -EFAULT : 0;
}

static long change_put(struct ioready_source *source, const struct ioready_change __user *from)
{
	struct ioready_change change;
	int ret;

	if (copy_from_user(&change, from, sizeof(change)))
		return -EFAULT;
	ret = ioready_change_check(&change);
	if (!ret)
		ioready_source_change(source, &change);
	return ret;
}

/* Pins the member's file if it is a source and its change a good one. */
static struct file *member_get(const struct ioready_member *member)
{
	int ret = ioready_change_check(&member->change);
	struct file *file;

	if (ret || member->pad)
		return ERR_PTR(-EINVAL);
	file = fget(member->fd);
	if (!file)
		return ERR_PTR(-EBADF);
	if (file->f_op != &device_fops) {
		fput(file);
		return ERR_PTR(-EBADF);
	}
	return file;
}

static long batch_make(struct ioready_batch *batch)
{
	struct ioready_member *members;
	struct file **files;
	u32 pinned = 0;
	long ret = 0;

	batch->failed = batch->count;
	if (batch->reserved[0] || batch->reserved[1])
		return -EINVAL;
	if (batch->count > READ_ONCE(batch_max))
		return -E2BIG;
	if (!batch->count)
		return 0;
	/* Without a warning: batch_max may be above what can be had. */
	members = kvmalloc_array(batch->count, sizeof(*members),
				 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	files = kvmalloc_array(batch->count, sizeof(*files), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!members || !files) {
		ret = -ENOMEM;
		goto out;
	}
	if (copy_from_user(members, u64_to_user_ptr(batch->members),
			   array_size(batch->count, sizeof(*members)))) {
		ret = -EFAULT;
		goto out;
	}
	for (; pinned < batch->count; pinned++) {
		files[pinned] = member_get(&members[pinned]);
		if (IS_ERR(files[pinned])) {
			ret = PTR_ERR(files[pinned]);
			batch->failed = pinned;
			goto out;
		}
	}
	for (u32 i = 0; i < batch->count; i++)
		ioready_source_change(files[i]->private_data, &members[i].change);
out:
	while (pinned)
		fput(files[--pinned]);
	kvfree(files);
	kvfree(members);
	return ret;
}

static long batch_put(struct ioready_batch __user *user)
{
	struct ioready_batch batch;
	long ret;

	if (copy_from_user(&batch, user, sizeof(batch)))
		return -EFAULT;
	ret = batch_make(&batch);
	/* Where the structure is bad, that is the error to tell. */
	if (put_user(batch.failed, &user->failed))
		return -EFAULT;
	return ret;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	void __user *user = (void __user *)argument;

	switch (command) {
	case IOREADY_INFO:
		return info_get(user);
	case IOREADY_CHANGE:
		return change_put(file->private_data, user);
	case IOREADY_BATCH:
		return batch_put(user);
	case IOREADY_COUNTERS:
		return counters_get(file->private_data, user);
	}
	return -ENOTTY;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.read_iter = device_read_iter,
	.poll = ioready_device_poll,
	.fasync = device_fasync,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ioready",
	.fops = &device_fops,
	.mode = 0600,
};

int ioready_device_init(void)
{
	return misc_register(&device);
}

void ioready_device_exit(void)
{
	misc_deregister(&device);
}
