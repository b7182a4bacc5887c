/* SPDX-License-Identifier: GPL-2.0-only */
/* device.h - /dev/ioready: sources as files. The contract is in uapi/ioready.h. */
#ifndef IOREADY_DEVICE_H
#define IOREADY_DEVICE_H

int ioready_device_init(void);
void ioready_device_exit(void);

#endif /* IOREADY_DEVICE_H */
