from benchmarks.step_cost import main

if __name__ == "__main__":
    main()
