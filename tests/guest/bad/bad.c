// SPDX-License-Identifier: GPL-2.0-only
/*
 * bad.ko: does, instead of being loaded, the one wrong thing that "what" names. A
 * kernel that says nothing about it would say nothing about ioready.ko either.
 */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

static char *what = "";
module_param(what, charp, 0);

/* Volatile, lest the compiler see what is wrong and leave it out. */
static volatile int forty = 40;
static volatile long sink;

static DEFINE_SPINLOCK(spin);

static void use_after_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
	kfree(p);
	sink = *(volatile char *)p;
}

static void out_of_bounds(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
	sink = ((volatile char *)p)[64];
	kfree(p);
}

static void vmalloc_out_of_bounds(void)
{
	char *p = vmalloc(100);

	OPTIMIZER_HIDE_VAR(p);
	sink = ((volatile char *)p)[forty * 3];
	vfree(p);
}

static void double_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL), *q = p;

	OPTIMIZER_HIDE_VAR(q);
	kfree(p);
	kfree(q);
}

static void stack_out_of_bounds(void)
{
	volatile char a[16] = {};
	volatile char *p = a;

	OPTIMIZER_HIDE_VAR(p);
	sink = p[16];
}

static void shift(void)
{
	sink = 1 << forty;
}

static void array_index(void)
{
	static volatile int a[16];

	sink = a[forty];
}

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	kfree(kmalloc(64, GFP_KERNEL));
	spin_unlock(&spin);
}

static void lock_order(void)
{
	static DEFINE_MUTEX(a);
	static DEFINE_MUTEX(b);

	mutex_lock(&a);
	mutex_lock(&b);
	mutex_unlock(&b);
	mutex_unlock(&a);
	mutex_lock(&b);
	mutex_lock(&a);
	mutex_unlock(&a);
	mutex_unlock(&b);
}

static enum hrtimer_restart take(struct hrtimer *t)
{
	spin_lock(&spin);
	spin_unlock(&spin);
	return HRTIMER_NORESTART;
}

/* Taken in an interrupt, and elsewhere with interrupts on. */
static void lock_in_interrupt(void)
{
	static struct hrtimer t;

	hrtimer_init(&t, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	t.function = take;
	spin_lock(&spin);
	spin_unlock(&spin);
	hrtimer_start(&t, 1000000, HRTIMER_MODE_REL_HARD);
	msleep(50);
	hrtimer_cancel(&t);
}

static void lock_not_initialised(void)
{
	spinlock_t *s = kzalloc(sizeof(*s), GFP_KERNEL);

	spin_lock(s);
	spin_unlock(s);
	kfree(s);
}

static void rcu_not_held(void)
{
	static int __rcu *p;

	sink = (long)rcu_dereference(p);
}

static void processor_id(void)
{
	sink = smp_processor_id();
}

static void list_twice(void)
{
	static LIST_HEAD(list);
	static struct list_head entry;

	list_add(&entry, &list);
	list_add(&entry, &list);
}

static void timer_freed(void)
{
	struct hrtimer *t = kzalloc(sizeof(*t), GFP_KERNEL);

	hrtimer_init(t, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	t->function = take;
	hrtimer_start(t, 1000000000000, HRTIMER_MODE_REL);
	kfree(t);
}

static void work_freed(void)
{
	struct delayed_work *w = kzalloc(sizeof(*w), GFP_KERNEL);

	INIT_DELAYED_WORK(w, NULL);
	schedule_delayed_work(w, 1000 * HZ);
	kfree(w);
}

static void leak(void)
{
	static void *volatile p;

	/* More than one: a register or a stack may remember the last. */
	for (int i = 0; i < 10; i++)
		p = kmalloc(100, GFP_KERNEL);
	p = NULL;
}

static void hang(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_timeout(30 * HZ);
}

#define BAD(name) { #name, name }
static const struct {
	const char *name;
	void (*does)(void);
} bad[] = {
	BAD(use_after_free), BAD(out_of_bounds), BAD(vmalloc_out_of_bounds), BAD(double_free),
	BAD(stack_out_of_bounds), BAD(shift), BAD(array_index), BAD(sleep_in_atomic),
	BAD(lock_order), BAD(lock_in_interrupt), BAD(lock_not_initialised), BAD(rcu_not_held),
	BAD(processor_id), BAD(list_twice), BAD(timer_freed), BAD(work_freed), BAD(leak), BAD(hang),
};

static int __init bad_init(void)
{
	for (int i = 0; i < ARRAY_SIZE(bad); i++)
		if (!strcmp(what, bad[i].name)) {
			bad[i].does();
			return -ECANCELED;
		}
	return -EINVAL;
}

module_init(bad_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Does one wrong thing");
