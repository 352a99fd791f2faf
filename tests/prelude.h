/* What cmocka.h needs before it, whatever order the includes are sorted into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
