/* For each habit the one thing that helps most against it. */
#include "awareness/advice.h"

#define WORDS "Take four or five words that don't belong together: strong, and easy to remember."

static const struct {
    const char *warning; /* of a password that is accepted all the same */
    const char *suggestion;
} habits[] = {
    [HABIT_NONE] = { "", WORDS },
    [HABIT_SHORT] = { "", WORDS },
    [HABIT_SHAPE] = { "", "Letters, digits, signs and blanks of any language can be in it." },
    [HABIT_COMMON] = { "", WORDS },
    [HABIT_FEW_DIFFERENT] = { "", WORDS },
    [HABIT_WORD] = { "A common word or name is the larger part of it.",
                     "Add a word or two that have nothing to do with the first." },
    [HABIT_SIGNS_FOR_LETTERS] = { "Signs in place of letters are tried too.",
                                  "Add words rather than signs: length is what counts." },
    [HABIT_ABOUT_PERSON] = { "It holds your name or address.", "Leave out what others can know of you." },
    [HABIT_REPEATS] = { "It repeats itself.", "Add something new rather than the same again." },
    [HABIT_SEQUENCE] = { "A sequence is the larger part of it.", "Leave out rows such as abcd or 4321." },
    [HABIT_KEYBOARD] = { "Neighbouring keys are the larger part of it.", "Leave out rows of the keyboard." },
    [HABIT_DATE] = { "It holds a date or a year.", "Leave out dates: there are few of them." },
    [HABIT_TRIED_OUT] = { "", WORDS },
};

static void suggest(struct advice *a, const char *text) {
    if (a->n < ADVICE_SUGGESTIONS_MAX) a->suggestions[a->n++] = text;
}

void advise(const struct password_judgement *j, struct advice *ret) {
    *ret = (struct advice){ .warning = j->reason[0] ? j->reason : "" };
    if (j->breached > 0) suggest(ret, "Change it wherever you use it: thieves try it there, too.");
    if (j->verdict == PASSWORD_ACCEPTED && j->score > PASSWORD_SCORE_LEAST) return;
    if (j->verdict == PASSWORD_ACCEPTED) ret->warning = habits[j->habit].warning;
    suggest(ret, habits[j->habit].suggestion);
}
