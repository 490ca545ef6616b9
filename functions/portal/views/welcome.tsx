import { signInPath, type View, type Visit } from '../visit.ts'
import { Mark } from './mark.tsx'

/** For somebody who is not signed in. */
export const welcomeView = ({ messages }: Visit): View => ({
  title: messages.welcomeTitle,
  body: (
    <>
      <section class="hero">
        <Mark large />
        <h1>{messages.welcomeTitle}</h1>
        <p class="lead">{messages.welcomeLead}</p>
        <p>
          <a class="button" href={signInPath('/')}>
            {messages.signIn}
          </a>
        </p>
      </section>
      <section aria-labelledby="steps">
        <h2 id="steps">{messages.stepsTitle}</h2>
        <ol class="steps">
          {messages.steps.map(([name, text]) => (
            <li>
              <h3>{name}</h3>
              <p>{text}</p>
            </li>
          ))}
        </ol>
      </section>
    </>
  ),
})
