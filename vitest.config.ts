import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, 'test/browser/**'],
          globalSetup: ['test/support/engine.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          // Most of a test's time is waiting for the engine, so a worker for each processor is not too many.
          maxWorkers: '100%',
        },
      },
      {
        // Journeys of people: they share one sandbox and one browser, and have the machine to themselves.
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/browser/setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
