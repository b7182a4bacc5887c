// SPDX-License-Identifier: GPL-2.0-only
/* main.c - ioready.ko: in and out. */
#include <linux/module.h>

#include "device.h"
#include "kfunc.h"
#include "source.h"

static int __init ioready_init(void)
{
	int ret;

	ret = ioready_sources_init();
	if (ret)
		goto err_sources;
	ret = ioready_kfunc_init();
	if (ret)
		pr_info("ioready: no kfunc (%d); ioready snapshot takes its slower way\n", ret);
	/* Last: from here on it is in use. */
	ret = ioready_device_init();
	if (ret)
		goto err_device;
	return 0;

err_device:
	ioready_sources_exit();
err_sources:
	return ret;
}

static void __exit ioready_exit(void)
{
	ioready_device_exit();
	ioready_sources_exit();
}

module_init(ioready_init);
module_exit(ioready_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The ioready authors");
MODULE_DESCRIPTION("A readiness source whose truth is known, to prove tracers by (/dev/ioready)");
MODULE_VERSION("0.1.0");
