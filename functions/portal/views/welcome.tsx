import { signInPath, type View, type Visit } from '../visit.ts'
import { Mark } from './mark.tsx'

/** For somebody who is not signed in. */
export const welcomeView = ({ messages }: Visit): View => ({
  title: messages.welcomeTitle,
  body: (
    <>
      <section class="grid justify-items-center gap-5 py-8 text-center sm:py-16">
        <Mark large />
        <h1 class="max-w-2xl text-3xl sm:text-5xl">{messages.welcomeTitle}</h1>
        <p class="max-w-xl text-lg text-quiet">{messages.welcomeLead}</p>
        <a class="btn btn-primary mt-2 w-full max-w-xs sm:w-auto sm:px-10" href={signInPath('/')}>
          {messages.signIn}
        </a>
      </section>
      <section aria-labelledby="steps">
        <h2 id="steps" class="mb-4 text-xl">
          {messages.stepsTitle}
        </h2>
        <ol class="grid gap-4 sm:grid-cols-3">
          {messages.steps.map(([name, text], place) => (
            <li class="card">
              <div class="card-body">
                <span
                  class="mb-1 grid size-9 place-items-center rounded-full bg-primary font-bold text-primary-content"
                  aria-hidden="true"
                >
                  {place + 1}
                </span>
                <h3 class="text-lg">{name}</h3>
                <p class="text-quiet">{text}</p>
              </div>
            </li>
          ))}
        </ol>
      </section>
    </>
  ),
})
